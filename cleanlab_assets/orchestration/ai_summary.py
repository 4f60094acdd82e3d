"""The summary of an audit in words: by a language model when one is configured, else by rules; it says which."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from cleanlab_assets.orchestration.check_results import family_check, judge
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.history import latest_provenance
from cleanlab_assets.orchestration.partitions import MODEL
from cleanlab_assets.reports.audit_facts import AuditFacts
from cleanlab_assets.reports.audit_summary import AuditSummary, find_ungrounded_claims, to_markdown
from cleanlab_assets.reports.written_summary import WriterSettings, write_summary
from cleanlab_assets.settings import Settings


class AiSummaryConfig(dg.Config):
    """Who writes the summary, and within which bounds."""

    use_ai: bool = Field(True, description="Let a language model write it, if one is configured; else rules do.")
    share_examples: bool = Field(False, description="Let the language model see the rows of lowest label quality.")
    model: str | None = Field(
        None, description="Such as openai:gpt-4o-mini or anthropic:claude-haiku-4-5; a default if absent."
    )
    timeout_seconds: float = Field(60.0, ge=1.0, le=600.0, description="Longest time for the whole summary.")
    max_output_tokens: int = Field(1500, ge=200, le=8000, description="Longest answer of the language model.")


def build_writer(config: AiSummaryConfig, settings: Settings) -> WriterSettings:
    """Put the settings of a run and the keys of the environment together."""
    return WriterSettings(
        **config.model_dump(),
        openai_api_key=settings.openai_api_key,
        anthropic_api_key=settings.anthropic_api_key,
        base_url=settings.openai_base_url,
    )


def build_ai_summary(family: str) -> dg.AssetsDefinition:
    """Build ``<family>/ai_summary``."""

    @family_asset(family, level=MODEL, storage="json", code_version="1", kinds={"pydantic", "json"})
    def ai_summary(context: dg.AssetExecutionContext, config: AiSummaryConfig, audit_facts: AuditFacts) -> StepResult:
        """What the audit means and what to do next, in words; every number in it is one of the facts.

        A language model sees aggregates only, unless ``share_examples`` is set. Without a key, when it is switched off,
        or when it fails or invents figures, rules write the summary, and the summary says why.
        """
        summary = write_summary(audit_facts, writer=build_writer(config, context.resources.settings))
        metadata = {
            "headline": summary.headline,
            "verdict": summary.verdict,
            "written_by": summary.written_by,
            "summary": dg.MetadataValue.md(to_markdown(summary)),
        }
        if summary.fallback_reason is not None:
            metadata["fallback_reason"] = summary.fallback_reason
        return StepResult(summary, metadata)

    return ai_summary


def build_ai_summary_checks(family: str, ai_summary: dg.AssetsDefinition) -> Sequence[dg.AssetChecksDefinition]:
    """Build the checks of a summary."""

    @family_check(family, ai_summary, MODEL)
    def written_as_asked(context: dg.AssetCheckExecutionContext, ai_summary: AuditSummary) -> dg.AssetCheckResult:
        """A language model wrote the summary where one is configured and asked for."""
        settings: Settings = context.resources.settings
        record = latest_provenance(context.instance, dg.AssetKey([family, "ai_summary"]), context.partition_key)
        is_wanted = settings.has_language_model and (record is None or record.config["use_ai"])
        written_by = f"written by {ai_summary.model or 'rules'}"
        reason = f": {ai_summary.fallback_reason}" if ai_summary.fallback_reason else ""
        return judge(
            context,
            passed=ai_summary.written_by == "language model" or not is_wanted,
            description=f"{written_by}{reason}",
            metadata={"written_by": ai_summary.written_by},
        )

    @family_check(family, ai_summary, MODEL, also=("audit_facts",))
    def summary_is_grounded(
        context: dg.AssetCheckExecutionContext, ai_summary: AuditSummary, audit_facts: AuditFacts
    ) -> dg.AssetCheckResult:
        """Every number in the prose of the summary is one of the facts."""
        claims = find_ungrounded_claims(ai_summary, audit_facts)
        return judge(
            context,
            passed=not claims,
            description=f"not among the facts: {', '.join(claims)}" if claims else "every number is one of the facts",
            metadata={"n_ungrounded": len(claims)},
        )

    return [written_as_asked, summary_is_grounded]
