"""``python -m netsculpt``."""

from netsculpt.cli import main

if __name__ == "__main__":
    main()
