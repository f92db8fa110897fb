"""`python -m matchday`."""

from matchday.cli import run

if __name__ == "__main__":
    run()
