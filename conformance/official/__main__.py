import sys

from conformance.official.cli import main

sys.exit(main())
