"""What tokens of well-known services look like, as regular expressions, and the masking of them.

A shape is listed only where ordinary text does not have it by chance. Every pattern is linear in
the length of the text. Only :mod:`meticulous.masking` imports this.
"""

from __future__ import annotations

import functools
import re

__all__ = ["mask_shapes"]

_TOKENS = (
    r"(?:hf|api_org)_[A-Za-z0-9]{20,}",  # Hugging Face
    r"sk-(?=[\w-]*[A-Za-z0-9]{16})(?=[\w-]*\d)[\w-]{20,}",  # OpenAI, Anthropic, OpenRouter, …
    r"gh[opsur]_[A-Za-z0-9]{20,}",  # GitHub
    r"github_pat_\w{20,}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|oas|agent|imt)-[\w.-]{16,}",  # GitLab
    r"(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?![A-Z0-9])",  # AWS
    r"xox[a-z]-[A-Za-z0-9-]{10,}",  # Slack
    r"xapp-\d-[A-Za-z0-9-]{10,}",
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*",  # JSON web token
    r"AIza[\w-]{30,}",  # Google
    r"ya29\.[\w-]{20,}",
    r"GOCSPX-[\w-]{20,}",
    r"wandb_v\d_\w{20,}",  # Weights & Biases
    r"local-[0-9a-f]{40}",
    r"(?:sk|rk|pk)_(?:live|test)_\w{16,}",  # Stripe
    r"gsk_[A-Za-z0-9]{30,}",  # Groq
    r"r8_[A-Za-z0-9]{30,}",  # Replicate
    r"nvapi-[\w-]{30,}",  # NVIDIA
    r"xai-[A-Za-z0-9]{40,}",
    r"pplx-[A-Za-z0-9]{30,}",
    r"tvly-[\w-]{20,}",
    r"lsv2_[a-z]{2}_\w{20,}",  # LangSmith
    r"dapi[0-9a-f]{32}",  # Databricks
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[\w-]{40,}",
    r"dckr_pat_[\w-]{20,}",
    r"dop_v1_[0-9a-f]{40,}",  # DigitalOcean
    r"hv[sb]\.[\w-]{20,}",  # Vault
    r"SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",  # Shopify
    r"AT(?:ATT|CTT|BB)[A-Za-z0-9][\w=-]{20,}",  # Atlassian
    r"gl(?:sa|c)_[\w+/=]{30,}",  # Grafana
    r"fig[dour]_[\w-]{20,}",  # Figma
    r"sbp_[0-9a-f]{40}",  # Supabase
    r"sb_secret_[\w-]{20,}",
    r"\d{8,10}:AA[\w-]{32,}",  # Telegram
    r"[\w~.-]{3}8Q~[\w~.-]{31,}",  # client secret of Azure
    r"AGE-SECRET-KEY-1[0-9A-Za-z]{50,}",
    r"age-secret-key-1[0-9A-Za-z]{50,}",
    r"sntry[su]_[\w+/=]{20,}",  # Sentry
    r"PMAK-[\w-]{30,}",  # Postman
    r"lin_api_\w{30,}",  # Linear
    r"ntn_[A-Za-z0-9]{30,}",  # Notion
    r"NRAK-[A-Z0-9]{20,}",  # New Relic
)

_GLUED = (
    r"gh[opsur]_[A-Za-z0-9]{30,}",
    r"github_pat_\w{20,}",
    r"glpat-[\w-]{20,}",
    r"hf_[A-Za-z0-9]{34,}",
    r"sk-(?:proj|ant|or)-[\w-]{20,}",
    r"xox[abprs]-\d[A-Za-z0-9-]{10,}",
    r"AIza[\w-]{35}",
    r"gsk_[A-Za-z0-9]{40,}",
    r"nvapi-[\w-]{40,}",
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
)
"""Those that are so clear that they are known behind a letter too, as in the tag ``tghp_…``."""

_IN_PLACE = r"""(?xi)
      (?<=://) (?P<user>[^\s/@:?\#]*) : [^\s/?\#]+ @                  # password in a URL
    | (?<=://) (?P<lone>[^\s/@:?\#]{20,}) @                           # token in place of the user
    | (?P<parameter>[?&](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature
        |key|api[_-]?key|token|access_token|auth|password|secret)=) [^\s&\#]+
    | (?P<header>(?<![\w-])(?:(?:proxy-)?authorization|(?:set-)?cookie|api-key|private-token
        |x-[\w-]{0,40}?(?:key|token|secret))\s*:\s*) (?P<scheme>(?:bearer|basic|token)\s+)?
        [^\r\n"']+
    | (?P<bearer>(?<!\w)bearer\s+) [\w.~+/=-]{12,}
    | (?P<hook>hooks\.slack\.com/(?:services|workflows|triggers)/
        |discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/) [\w/-]{8,}
    | (?P<account>(?:account|sharedaccess)key=) [^\s;]+               # Azure connection string
    | (?P<begin>-----BEGIN[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----) (?:[^-]|-(?!----))*
"""


BEGINNINGS = tuple(  # a list of words reads best as lines of words
    "8Q~ :AA AGE-SECRET-KEY- ATATT ATBB ATCTT NRAK- PMAK- age-secret-key- figd_ figo_ figr_ figu_ "
    "glc_ glsa_ lin_api_ ntn_ sb_secret_ sbp_ shpat_ shpca_ shppa_ shpss_ sntrys_ sntryu_ "
    "AIza AIDA AKIA AROA ASIA GOCSPX- SG. api_org_ dapi dckr_pat_ dop_v1_ eyJ ghp_ gho_ ghs_ ghu_ "
    "ghr_ github_pat_ glpat- gldt- glrt- glcbt- glptt- glft- glsoat- gloas- glagent- glimt- gsk_ "
    "hf_ hvb. hvs. local- lsv2_ npm_ nvapi- pk_ pplx- pypi- r8_ rk_ sk- sk_ tvly- wandb_v xai- xapp- "
    "xox ya29.".split()
)
"""Every token of :data:`_TOKENS` has one of these in it; a test holds the two together."""
MARKS = tuple(
    ":// sig= signature= key token auth password secret cookie bearer hooks.slack webhooks/ "
    "-----begin".split()
)
"""Every match of :data:`_IN_PLACE` has one of these in it, in lower case; likewise."""


@functools.lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    # Not at import: compiling takes longer than all else here, and `run` imports this.
    tokens = re.compile(rf"(?<![\w-])(?:{'|'.join(_TOKENS)})|{'|'.join(_GLUED)}", re.ASCII)
    return tokens, re.compile(_IN_PLACE, re.DOTALL)


def mask_shapes(text: str, mask: str) -> str:
    """Return `text` with every token of a known shape, and every password in a URL, as `mask`."""
    lowered = text.casefold()  # as the patterns ignore case
    if not any(word in text for word in BEGINNINGS) and not any(word in lowered for word in MARKS):
        return text  # most texts of most runs, which then never compile the patterns
    tokens, in_place = _patterns()

    def replace(match: re.Match[str]) -> str:
        if match["user"] is not None:
            return f"{match['user']}:{mask}@"
        if match["lone"] is not None:
            return f"{mask}@" if re.search(r"\d", match["lone"]) else match[0]
        label = "".join(part for part in match.group(*_LABELS) if part)
        return label + mask

    return in_place.sub(replace, tokens.sub(mask, text))


_LABELS = ("parameter", "header", "scheme", "bearer", "hook", "account", "begin")
