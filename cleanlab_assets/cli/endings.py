"""How commands end: one line and one exit code for whatever a user can mend, the traceback for all else."""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from typer.core import TyperGroup
from typer.exceptions import TyperException

from cleanlab_assets.cli.terminal import ExitCode, errors, fail
from cleanlab_assets.datasets.errors import LONGEST_ECHO, UnreadableInputError, cut
from cleanlab_assets.extras import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when nothing more can be written: a full disk, a used-up quota, a limit on the size of files."""
NOT_USABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR)
"""What the system says of a place that may not be written, or is no directory."""
_LONG_WORD = re.compile(rf"\S{{{LONGEST_ECHO},}}")

_received: int | None = None
"""Where the numbers of the signals that this process gets can be read, once it runs commands."""


class InterruptedCommandError(BaseException):
    """Ctrl-C or a request to end; no library that catches ``KeyboardInterrupt`` may keep the command going."""


class Commands(TyperGroup):
    """A group of commands whose errors end it as the module says."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except TyperException as error:
            error.message = _LONG_WORD.sub(lambda word: cut(word[0]), error.message)
            raise
        except Exception as error:
            if (ending := _find_ending(error)) is None:
                raise
            fail(*ending)


def run_app(app: Callable[[], object]) -> NoReturn:
    """Run the commands as a process: an interrupt or an unexpected error has an exit code of its own."""
    global _received
    _received, write_end = os.pipe()
    os.set_blocking(write_end, False)
    # While Dagster works it has handlers of its own, which do not say which signal they got: the pipe does.
    signal.set_wakeup_fd(write_end)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        app()
    except Exception:  # noqa: BLE001 - the traceback is shown in full
        errors.print_exception()
        raise SystemExit(ExitCode.RUN_FAILED) from None
    except BaseException as error:
        if not _is_interrupt(error):
            raise
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the user was heard: nothing may cut the ending short
        # Where the interrupt came without a signal there would be nothing to read.
        os.write(write_end, bytes([signal.SIGINT]))
        received = os.read(_received, 1)[0]
        errors.print("[yellow]interrupted:[/yellow] run the same command to go on")
        raise SystemExit(ExitCode.INTERRUPTED if received == signal.SIGINT else ExitCode.TERMINATED) from None
    raise SystemExit(ExitCode.FINE)


def raise_if_interrupted() -> None:
    """Raise for a signal whose exception was lost, as one is that Python raises while it collects garbage."""
    if _received is not None and select.select([_received], [], [], 0)[0]:
        raise InterruptedCommandError


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise InterruptedCommandError


def _is_interrupt(error: BaseException) -> bool:
    if isinstance(error, InterruptedCommandError):
        return True
    dagster = sys.modules.get("dagster")
    return dagster is not None and isinstance(error, dagster.DagsterExecutionInterruptedError)


def _find_ending(error: Exception) -> tuple[ExitCode, str] | None:
    """Return exit code and message of an error that a user can mend, or None."""
    from cleanlab_assets.settings import SettingsError

    if isinstance(error, SettingsError | UnreadableInputError | MissingExtraError):
        return ExitCode.WRONG_USE, str(error)
    if "cleanlab_assets.orchestration.instances" in sys.modules:
        from cleanlab_assets.orchestration.instances import InstanceError

        if isinstance(error, InstanceError):
            return ExitCode.RUN_FAILED, str(error)
    if isinstance(error, OSError) and error.filename and error.errno in NOT_USABLE:
        return ExitCode.WRONG_USE, f"{error.filename}: {error.strerror}: {_say_which_setting(str(error.filename))}"
    if found := next(filter(None, map(_describe_lack_of_space, _causes_of(error))), None):
        return ExitCode.RUN_FAILED, found
    return None


def _say_which_setting(path: str) -> str:
    """Say which directory is not one that can be written, and by what it is set."""
    from cleanlab_assets.settings import load_settings, project_root

    settings = load_settings()
    home = os.environ.get("DAGSTER_HOME") or str(project_root() / "data" / "dagster_home")
    places = {
        "CLEANLAB_DEMO_DATA_DIR": str(settings.data_dir),
        "CLEANLAB_DEMO_ARTIFACTS_DIR": settings.artifacts_dir,
        "DAGSTER_HOME": home,
    }
    for variable, place in places.items():
        if path == place or path.startswith(f"{place}{os.sep}"):
            return f"{variable} must be a directory that you may write"
    return "expected a place that you may write"


def _causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, the last first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _describe_lack_of_space(error: BaseException) -> str | None:
    """Say where nothing more can be written, if that is what an error means."""
    import sqlite3

    if isinstance(error, OSError) and error.errno in NO_SPACE:
        place = f" {error.filename}" if error.filename else ""
        return f"cannot write{place}: {error.strerror}: free some space, then run the same command to go on"
    # SQLite names no file: its databases all lie in one directory.
    if isinstance(error, sqlite3.OperationalError) and error.args[0] in ("database or disk is full", "disk I/O error"):
        home = os.environ.get("DAGSTER_HOME", "DAGSTER_HOME")
        return f"cannot write below {home}: {error.args[0]}: free some space, then run the same command to go on"
    return None
