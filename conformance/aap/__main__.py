import sys

from conformance.aap.cli import main

sys.exit(main())
