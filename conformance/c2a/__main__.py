import sys

from conformance.c2a.cli import main

sys.exit(main())
