"""Entry point of the command `edgeseg` and of `python -m edgeseg`."""

from edgeseg.cli import main

if __name__ == "__main__":
    main()
