"""``python -m reasonbench``."""

from reasonbench.cli.main import main

if __name__ == "__main__":
    main()
