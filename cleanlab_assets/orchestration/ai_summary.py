"""The summary of an audit in words: by a language model when one is configured, else by rules; it says which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from cleanlab_assets.families.step import CheckResult, Settings, check, gate, step
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.methods.shown import Markdown
from cleanlab_assets.reports.audit_summary import AuditSummary, find_ungrounded_claims, to_markdown
from cleanlab_assets.reports.written_summary import WriterSettings, write_summary

if TYPE_CHECKING:
    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.orchestration.assets import ChainContext
    from cleanlab_assets.reports.audit_facts import AuditFacts
    from cleanlab_assets.settings import Settings as Environment


class AiSummarySettings(Settings):
    """Who writes the summary, and within which bounds."""

    use_ai: bool = Field(True, description="Let a language model write it, if one is configured; else rules do.")
    share_examples: bool = Field(False, description="Let the language model see the rows of lowest label quality.")
    model: str | None = Field(
        None, description="Such as openai:gpt-4o-mini or anthropic:claude-haiku-4-5; a default if absent."
    )
    timeout_seconds: float = Field(60.0, ge=1.0, le=600.0, description="Longest time for the whole summary.")
    max_output_tokens: int = Field(1500, ge=200, le=8000, description="Longest answer of the language model.")


def build_writer(settings: AiSummarySettings, environment: Environment) -> WriterSettings:
    """Put the settings of a run and the keys of the environment together."""
    return WriterSettings(
        **settings.model_dump(),
        openai_api_key=environment.openai_api_key,
        anthropic_api_key=environment.anthropic_api_key,
        base_url=environment.openai_base_url,
    )


@step("pydantic", storage="json", code_version="3", value=AuditSummary, settings=AiSummarySettings)
def ai_summary(
    context: ChainContext, settings: AiSummarySettings, audit_facts: Result[AuditFacts, NoFacts]
) -> Result[AuditSummary, NoFacts]:
    """What the audit means and what to do next, in words; every figure in it is one of the facts.

    A language model sees aggregates only, unless ``share_examples`` is set. Without a key, when it is switched off,
    or when it fails or invents figures, rules write the summary, and the summary says why.
    """
    summary = write_summary(audit_facts.value, writer=build_writer(settings, context.dagster.resources.settings))

    def show() -> dict[str, Shown]:
        shown: dict[str, Shown] = {
            "headline": summary.headline,
            "verdict": summary.verdict,
            "written_by": summary.written_by,
            "summary": Markdown(to_markdown(summary)),
        }
        if summary.fallback_reason is not None:
            shown["fallback_reason"] = summary.fallback_reason
        return shown

    return Result(value=summary, facts=NoFacts(), show=show)


@check("ai_summary")
def written_as_asked(context: ChainContext, ai_summary: Result[AuditSummary, NoFacts]) -> CheckResult:
    """A language model wrote the summary where one is configured and asked for."""
    environment: Environment = context.dagster.resources.settings
    summary = ai_summary.value
    is_wanted = environment.has_language_model and ai_summary.origin.config["use_ai"]
    reason = f": {summary.fallback_reason}" if summary.fallback_reason else ""
    return gate(
        passed=summary.written_by == "language model" or not is_wanted,
        description=f"written by {summary.model or 'rules'}{reason}",
        figures={"written_by": summary.written_by},
    )


@check("ai_summary")
def summary_is_grounded(
    context: ChainContext,  # noqa: ARG001 - every check takes it
    ai_summary: Result[AuditSummary, NoFacts],
    audit_facts: Result[AuditFacts, NoFacts],
) -> CheckResult:
    """The facts give the same summary: every figure in its prose is one of them."""
    claims = find_ungrounded_claims(ai_summary.value, audit_facts.value)
    return gate(
        passed=not claims,
        description=f"differs from the facts: {', '.join(claims)}" if claims else "every figure is one of the facts",
        figures={"n_ungrounded": len(claims)},
    )


AI_SUMMARY_CHECKS = (written_as_asked, summary_is_grounded)
