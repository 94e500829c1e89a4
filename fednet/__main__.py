"""`python -m fednet` is the `fednet` command."""

from fednet.cli import main

if __name__ == "__main__":
    main()
