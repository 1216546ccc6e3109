"""The command ``tieout``: every mistake ends in clear lines on standard error and an exit status, never in a traceback."""

from __future__ import annotations

import os
import sys

from tieout.model.errors import ControlTotalError, DefinitionError, SealError, SourceError, StoreError, TieoutError

__all__ = ["main"]


_INTERRUPTED = 130
_STOPPED = "stopped; nothing was sealed, and the next run starts afresh"


def main() -> None:
    """Runs the command line. Exit status: 2 a mistake of usage or definition, 3 the world's or the totals', 130 stopped."""
    try:
        from tieout.faces.cli import app

        app(standalone_mode=True)
    except DefinitionError as exc:
        mistakes = len(exc.mistakes)
        _say(f"{exc}\n{mistakes} mistake{'s' if mistakes > 1 else ''}; nothing was run", status=2)
    except (SourceError, StoreError, ControlTotalError) as exc:
        _say(str(exc), status=3)
    except SealError as exc:
        _say(str(exc), status=1)
    except TieoutError as exc:
        _say(str(exc), status=2)
    except KeyboardInterrupt:
        _say(_STOPPED, status=_INTERRUPTED)
    except SystemExit as exc:
        if exc.code != _INTERRUPTED:
            raise
        _say(_STOPPED, status=_INTERRUPTED)  # Typer turns Ctrl-C into a bare exit of its own.
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as exc:
        _say(f"{exc.filename or 'system'}: {exc.strerror or exc}", status=3)
    except Exception as exc:
        if os.environ.get("TIEOUT_DEBUG"):
            raise
        _say(
            f"internal error, please report it: {type(exc).__name__}: {exc} (TIEOUT_DEBUG=1 shows where it came from)",
            status=3,
        )


def _say(text: str, *, status: int) -> None:
    print(text, file=sys.stderr, flush=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
