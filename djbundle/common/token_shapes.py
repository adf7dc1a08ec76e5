"""Patterns for the tokens and keys of well-known services.

The builder keeps files that contain them out of a bundle, and the runtime masks them in its log. The table is our own.
detect-secrets has most of the patterns too, but its last release is of May 2024.
"""

from typing import NamedTuple


class TokenShape(NamedTuple):
    """The pattern of one kind of token.

    Mark and pattern are ASCII, so that they work for text and for bytes. In both, \\w matches only ASCII.
    """

    what: str
    mark: str  # a part of every match, which is fast to search for
    pattern: str  # its group, if it has one, is the secret


TOKEN_SHAPES = (
    *(TokenShape("a key of AWS", mark, mark + r"[A-Z0-9]{16}(?![\w+/=])") for mark in ("AKIA", "ASIA", "ABIA", "ACCA")),
    TokenShape("a key of Google", "AIza", r"AIza[\w-]{35}(?![\w-])"),
    TokenShape("a key of Google", "GOCSPX-", r"GOCSPX-[\w-]{28}"),
    *(TokenShape("a token of GitHub", f"gh{kind}_", rf"gh{kind}_[A-Za-z0-9]{{36}}") for kind in "pousr"),
    TokenShape("a token of GitHub", "github_pat_", r"github_pat_\w{22,}"),
    TokenShape("a token of GitLab", "gl", r"gl(?:pat|dt|rt|ptt|soat)-[\w-]{20,}"),
    TokenShape("a token of Slack", "xox", r"xox[abeoprs]-[\w-]{10,}"),
    TokenShape("a token of Slack", "xapp-", r"xapp-\d-[\w-]{20,}"),
    *(TokenShape("a key of Stripe", mark, mark + r"(?:live|test)_[0-9A-Za-z]{16,}") for mark in ("sk_", "rk_")),
    TokenShape("a key of Stripe", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"),
    TokenShape("a key of SendGrid", "SG.", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    TokenShape("a key of Twilio", "SK", r"SK[0-9a-f]{32}(?!\w)"),
    TokenShape("a key of Mailgun", "key-", r"key-[0-9a-f]{32}(?!\w)"),
    TokenShape("a token of a package registry", "npm_", r"npm_[A-Za-z0-9]{36}(?!\w)"),
    TokenShape("a token of a package registry", "pypi-AgE", r"pypi-AgE[\w-]{50,}"),
    TokenShape("a token of a package registry", "dckr_", r"dckr_[po]at_[\w-]{20,}"),
    *(
        TokenShape("a key of Azure", mark, mark + r"([A-Za-z0-9+/=]{40,})")
        for mark in ("AccountKey=", "SharedAccessKey=")
    ),
    TokenShape("a token of DigitalOcean", "_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    TokenShape("a key of a language model's service", "hf_", r"hf_[A-Za-z]{34}(?!\w)"),
    TokenShape("a key of a language model's service", "sk-", r"sk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{32,}"),
    TokenShape("a token of Telegram", ":AA", r":(AA[\w-]{33})(?![\w-])"),
    TokenShape("a token of Vault", "hv", r"hv[sbr]\.[\w-]{24,}"),
    TokenShape("a token of Sentry", "sntry", r"sntry[su]_[\w+/=-]{40,}"),
    TokenShape("a token of Grafana", "glsa_", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    TokenShape("a token of Shopify", "shp", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    TokenShape("a token", "eyJ", r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    TokenShape("a private key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    TokenShape("a private key of JSON", '"d"', r'"d"\s*:\s*"([\w-]{40,})"'),
    TokenShape("a hash of a password", "$", r"\$(?:2[aby]|5|6|y|apr1|argon2id?|scrypt)\$[\w./=,$+-]{20,}"),
    TokenShape("a hash of a password", "pbkdf2_sha", r"pbkdf2_sha\d+\$\d+\$[\w./=$+-]*"),
    # URLs that grant access to everyone who knows them.
    TokenShape("a webhook of Slack", "hooks.slack.com/", r"hooks\.slack\.com/services/(T\w+/B\w+/\w+)"),
    TokenShape(
        "a webhook of Slack", "hooks.slack.com/", r"hooks\.slack\.com/(?:workflows|triggers)/(\w+/\w+/[\w/]{16,})"
    ),
    TokenShape("a webhook of Discord", "/api/webhooks/", r"/api/webhooks/(\d{16,20}/[\w-]{30,})"),
    TokenShape("a webhook of Teams", "webhook.office.com/", r"webhook\.office\.com/webhookb2/([\w@/-]{40,})"),
    TokenShape("a webhook of Zapier", "hooks.zapier.com/", r"hooks\.zapier\.com/hooks/catch/(\d+/\w+)"),
)
