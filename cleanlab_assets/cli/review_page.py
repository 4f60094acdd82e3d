"""The command that serves the review page."""

from __future__ import annotations

import webbrowser
from typing import Annotated
from urllib.parse import quote as quote_url

import typer

from cleanlab_assets.cli import options
from cleanlab_assets.cli.instance import open_instance
from cleanlab_assets.cli.reviewed_rows import DatasetOption, ReviewerOption, name_reviewer
from cleanlab_assets.cli.terminal import ExitCode, console, fail
from cleanlab_assets.extras import require
from cleanlab_assets.settings import load_settings

DEFAULT_PORT = 8321


def review(
    dataset: DatasetOption = options.DEFAULT_DATASET,
    model: options.ModelOption = "",
    family_name: options.FamilyOption = "",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 is any free one.")] = DEFAULT_PORT,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine then need the token that is printed.")
    ] = "127.0.0.1",
    reviewer: ReviewerOption = "",
    opens: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Serve the review page: one row after another with its evidence, decided by key; Ctrl-C ends it.

    Example: cleanlab-demo review -d breast_cancer -m knn
    """
    require("the review page", "starlette", "uvicorn")
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.orchestration.reviews import open_ledger_of
    from cleanlab_assets.review_page.app import ReviewPage
    from cleanlab_assets.review_page.audit import ReviewedAudit
    from cleanlab_assets.review_page.security import (
        LEAST_TOKEN_CHARACTERS,
        find_host_names,
        is_loopback,
        make_token,
    )
    from cleanlab_assets.review_page.server import listen, serve

    settings = load_settings()
    given = "" if settings.review_token is None else settings.review_token.get_secret_value()
    if 0 < len(given) < LEAST_TOKEN_CHARACTERS:
        found = f"CLEANLAB_DEMO_REVIEW_TOKEN has {len(given)} characters"
        fail(ExitCode.WRONG_USE, f"{found}, expected at least {LEAST_TOKEN_CHARACTERS} that nobody can guess")
    family, model = options.choose_model(dataset, model, family_name)
    partition = Partition(dataset, model)
    with open_instance() as instance, open_ledger_of(settings) as ledger, listen(host, port) as listener:
        token = given if given or is_loopback(host) else make_token()
        page = ReviewPage(lambda: ReviewedAudit(instance, family, partition), ledger, reviewer=name_reviewer(reviewer))
        _ = page.review  # without an audit the command ends here
        port = listener.getsockname()[1]
        names = find_host_names(host, [settings.report_url] if settings.report_url else [])
        app = page.build(host_names=names, token=token, cookie=f"cleanlab_review_{port}")
        address = f"http://{_to_url_host(host)}:{port}/"
        # A token that was set is known to who set it, and stays out of what the shell records.
        first = f"{address}?token={quote_url(token)}" if token and not given else address

        def tell() -> None:
            console.print(f"review of {partition.title}: {first} (Ctrl-C ends it)", markup=False)
            if given:
                console.print("the first time, add ?token= and the value of CLEANLAB_DEMO_REVIEW_TOKEN", markup=False)
            if opens and console.is_terminal:
                _open(first)

        serve(app, listener, started=tell)


def _open(address: str) -> None:
    """Open an address in a browser with windows; one of the terminal would take it from the server."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:  # there is none: the address was printed
        return
    if type(browser) is not webbrowser.GenericBrowser:  # how Python knows the browsers of terminals
        browser.open(address)


def _to_url_host(host: str) -> str:
    """Return how an address is written in a URL; one that means every address is reached as this machine."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        import socket

        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
