"""The language model of a run: which one is asked, how it is reached, and what is said where it does not answer.

Keys come from the settings and go into the request alone: no message holds one, nor what a server sent.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, HttpUrl, PositiveFloat, PositiveInt, SecretStr, ValidationError

from cleanlab_assets.extras import explain_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model

T = TypeVar("T")

OPENAI_MODEL = "gpt-4o-mini"
ANTHROPIC_MODEL = "claude-haiku-4-5"
OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com/"
_DEFAULTS = {"openai": (OPENAI_MODEL, OPENAI_URL), "anthropic": (ANTHROPIC_MODEL, ANTHROPIC_URL)}
NO_KEY = "no-key"
"""Sent in place of a key to a server that needs none; else the client would take a key from the environment."""
GRACE_SECONDS = 2.0
"""How much longer than its bound a request may take to end, such as a name look-up that cannot be interrupted."""
NOT_CONFIGURED = "no language model is configured: set OPENAI_API_KEY or ANTHROPIC_API_KEY"


class LanguageModelSettings(BaseModel):
    """Which language model is asked, and within which bounds it answers one request.

    Attributes:
        model: ``openai:<name>``, ``anthropic:<name>``, or a bare name with ``base_url``; by default that of the
            constants of this module which fits the key.
        openai_api_key: key of OpenAI, or of the server at ``base_url``.
        anthropic_api_key: key of Anthropic.
        base_url: address of an OpenAI-compatible server, such as that of a local model, which may need no key; with a
            model ``anthropic:<name>`` that of an Anthropic-compatible one.
        request_timeout_seconds: longest time for a single request.
        max_output_tokens: longest single answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    model: str | None = None
    openai_api_key: SecretStr | None = None
    anthropic_api_key: SecretStr | None = None
    base_url: str | None = None
    anthropic_base_url: str | None = None
    request_timeout_seconds: PositiveFloat = 30.0
    max_output_tokens: PositiveInt = 1500


class Service(NamedTuple):
    """The language model to ask; the protocol is openai or anthropic, and ``name`` is what people read."""

    protocol: str
    model: str
    key: SecretStr
    url: str
    name: str


def choose_service(settings: LanguageModelSettings, *, wanted: str) -> Service | str:
    """Return the language model to ask, or why there is none; none is asked to find out.

    Args:
        settings: who is asked.
        wanted: what a language model is wanted for, in words.
    """
    keys = {"openai": _reveal(settings.openai_api_key), "anthropic": _reveal(settings.anthropic_api_key)}
    protocol, separator, model = (settings.model or "").partition(":")
    if not separator or protocol not in keys:
        if settings.model and not settings.base_url:
            return f"model {settings.model!r} has no provider: expected openai:<name> or anthropic:<name>"
        protocol, model = "openai" if settings.base_url or keys["openai"] else "anthropic", settings.model or ""
    key, address = keys[protocol], {"openai": settings.base_url, "anthropic": settings.anthropic_base_url}[protocol]
    if not key and not address:
        return NOT_CONFIGURED
    if not (key.isascii() and key.isprintable()):
        return f"the key of {protocol} contains characters that no key has"
    if missing := explain_missing(wanted, "pydantic_ai", protocol):
        return missing
    default_model, default_url = _DEFAULTS[protocol]
    try:
        url = str(HttpUrl(address or default_url))
    except ValidationError:
        return "the address of the language model's server is not a web address"
    chosen = model or default_model
    name = chosen if settings.base_url else f"{protocol}:{chosen}"
    return Service(protocol, chosen, SecretStr(key or NO_KEY), url, name)


def _reveal(key: SecretStr | None) -> str:
    return "" if key is None else key.get_secret_value().strip()


def build_model(service: Service) -> Model:
    """Build the client: key and address are given to it, so that it takes none from the environment."""
    if service.protocol == "anthropic":
        from anthropic import AnthropicError
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        anthropic = AnthropicProvider(api_key=service.key.get_secret_value(), base_url=service.url)
        return _guard(AnthropicModel(service.model, provider=anthropic), AnthropicError)
    from openai import OpenAIError
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai import OpenAIProvider

    # Compatible servers know the older name of the bound of an answer; the newest models of OpenAI only the newer one.
    profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=service.url == OPENAI_URL)
    openai = OpenAIProvider(api_key=service.key.get_secret_value(), base_url=service.url)
    return _guard(OpenAIChatModel(service.model, provider=openai, profile=profile), OpenAIError)


def _guard(model: Model, client_error: type[Exception]) -> Model:
    """Let a request fail as one that a server failed, whatever it sends.

    On answers that are JSON of another shape (no choices, choices that are texts) pydantic-ai fails with the errors of
    Python's own types, or as if the model had misbehaved. They are caught around the request alone, so that an error in
    a tool or a check still shows.
    """
    from pydantic_ai.exceptions import AgentRunError, ContentFilterError, ModelAPIError, UnexpectedModelBehavior
    from pydantic_ai.models.wrapper import WrapperModel

    class GuardedModel(WrapperModel):
        async def request(self, *args: Any, **kwargs: Any) -> ModelResponse:
            try:
                return await super().request(*args, **kwargs)
            except AgentRunError as error:
                if isinstance(error, UnexpectedModelBehavior) and not isinstance(error, ContentFilterError):
                    raise ModelAPIError(self.model_name, "the response has no known shape") from error
                raise
            except (client_error, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
                raise ModelAPIError(self.model_name, "the response has no known shape") from error

    return GuardedModel(model)


def run_in_thread(converse: Callable[[], Coroutine[Any, Any, T]], *, seconds: float) -> T:
    """Run a conversation in a thread with an event loop of its own, since another one may run in this thread.

    Args:
        converse: makes the coroutine.
        seconds: longest time for all of it.

    Raises:
        TimeoutError: the time is over.
    """

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await converse()

    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="language_model")
    try:
        return pool.submit(lambda: asyncio.run(bounded())).result(timeout=seconds + GRACE_SECONDS)
    finally:
        pool.shutdown(wait=False)


def explain_failure(
    error: Exception,
    settings: LanguageModelSettings,
    *,
    seconds: float,
    reasons: Sequence[tuple[type[Exception], str]] = (),
) -> str:
    """Say in a sentence why a language model gave no answer, without a word of the error or of the server.

    Args:
        error: what went wrong.
        settings: the bounds of one request.
        seconds: the bound of the whole conversation.
        reasons: what is to be said of further kinds of errors, or instead; the first one that fits.
    """
    from pydantic_ai import exceptions

    no_answer = f"the language model did not answer within {settings.request_timeout_seconds:g} s"
    status = getattr(error, "status_code", None)
    known: list[tuple[type[Exception], str]] = [
        (exceptions.IncompleteToolCall, f"the language model's answer exceeds {settings.max_output_tokens} tokens"),
        *reasons,
        (exceptions.ModelHTTPError, f"the server of the language model answered with status {status}"),
        (exceptions.ModelTimeoutError, no_answer),
        (exceptions.ModelRequestTimeout, no_answer),
        (exceptions.ModelConnectionError, "the server of the language model could not be reached"),
        (exceptions.ModelAPIError, "the server of the language model sent no usable answer"),
        (
            exceptions.UnexpectedModelBehavior,
            "the answers of the language model do not have the expected form",
        ),
        (TimeoutError, f"the language model did not finish within {seconds:g} s"),
    ]
    reason = next((text for kind, text in known if isinstance(error, kind)), "the language model could not be asked")
    return f"{reason} ({type(error).__name__})"
