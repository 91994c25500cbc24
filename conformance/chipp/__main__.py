import sys

from conformance.chipp.cli import main

sys.exit(main())
