"""The corpus of secrets: shapes, command lines and config files, and what only looks like them.

``docs/privacy.md`` states the counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from meticulous.masking import mask_command, mask_text
from meticulous.recording.config_secrets import mask_document

S = "hunter2horse"
"""The secret; no shape gives it away."""
A = "aB3dE5gH1jK2mN4pQ6sT7vW8xY9zA0cD2fG4hJ6k"
HEX = "0123456789abcdef" * 4

SHAPES = [
    f"https://hooks.slack.com/services/T0{A[:8]}/B0{A[:8]}/{A[:24]}",
    f"https://discord.com/api/webhooks/123456789012345678/{A}",
    f"https://discordapp.com/api/v10/webhooks/123456789012345678/{A}",
    f"shpat_{HEX[:32]}",
    f"shpss_{HEX[:32]}",
    f"ATATT3xFfGF0{A}={A[:8]}",
    f"ATCTT3xFfGN0{A}",
    f"ATBB{A[:32]}",
    f"glsa_{A[:32]}_{HEX[:8]}",
    f"glc_{A}==",
    f"figd_{A}",
    f"sbp_{HEX[:40]}",
    f"sb_secret_{A[:31]}",
    f"110201543:AAH{A[:32]}",
    f"abc8Q~{A[:34]}",
    f"AGE-SECRET-KEY-1{A[:29].upper() * 2}",
    f"sntrys_{A}",
    f"PMAK-{HEX[:24]}-{HEX[:34]}",
    f"lin_api_{A}",
    f"ntn_{A}",
]

COMMANDS = [
    ["x", "--pass", S],
    ["x", f"--pass={S}"],
    ["x", "--creds", S],
    ["x", "--pw", S],
    ["x", "--passwords", S, f"{S}2"],
    ["x", "--passwort", S],
    ["x", "--db_pass", S],
    ["x", "--smtp-pass", "horse"],
    ["x", "--cookie", S],
    ["x", "--bearer", S],
    ["x", f"db={{password:{S}}}"],
    ["x", f"db={{user: bob, password: {S}}}"],
    ["x", f"++db={{host:h,api_key:{S}}}"],
    ["curl", f"--user=bob:{S}", "https://h"],
    ["curl", "--user", f"bob:{S}", "--proxy-user", f"a:{S}"],
    ["curl", f"-ubob:{S}"],
    ["mysql", f"-p{S}", "table"],
    ["mysqldump", "-u", "root", f"-p{S}"],
    ["docker", "login", "-u", "bob", "-p", S],
    ["podman", "login", f"-p{S}"],
    ["redis-cli", "-a", S],
    ["x", f"password = {S}"],
    ["x", "password", "=", S],
    ["bash", "-c", f"mycmd --pw {S} && password={S}"],
    ["x", json.dumps({"password": f'x"y {S}'})],
    ["env", f"DB_PW={S}", "x"],
    ["x", f"--passwords=[{S},{S}2]"],
    ["x", f"--passwords=[{S}]"],
    ["x", "--passwords", f"[{S},", f"{S}2]"],
    ["x", f"passwords=[{S},b]"],
    ["x", f"db={{credentials: {{user: {S}, deep: {{a: [{S}]}}}}}}"],
    ["x", json.dumps({"passwords": ["a", S]})],
    ["x", json.dumps({"db": {"credentials": {"user": S}}, "lr": 1})],
    ["x", "--auth", f"bob:{S}"],
    ["x", f"--auth=bob:{S}"],
    ["x", "--basic-auth", f"bob:{S}"],
    ["bash", "-c", f"mysql -p{S} table"],
    ["bash", "-c", f"set -e; curl -u bob:{S} https://h | sh"],
    ["bash", "-c", f"curl -s \\\n  -u 'bob:{S}' \\\n  https://h"],
    ["bash", "-c", f"x --passwords a2b3c4d5 {S}"],
    ["bash", "-c", f"cd y && redis-cli -a '{S}' ping"],
    ["ssh", "host", f"docker login -u bob -p {S} registry"],
    ["bash", "-c", f"ssh host 'sshpass -p {S} ssh x'"],
    ["curl", "-b", f"session={S}", "https://h"],
    ["curl", f"-bsession={S}", "https://h"],
    ["curl", "-H", f"Cookie: session={S}", "https://h"],
    ["curl", "-u", f"user:{S}", "https://h"],
    ["curl", "--pass", "horse", "https://h"],
    ["wandb", "login", f"{S}{HEX[:30]}"],
    ["vault", "login", S],
    ["openssl", "enc", "-aes-256-cbc", "-k", S],
    ["openssl", "rsa", "-passin", f"pass:{S}"],
    ["ssh-keygen", "-N", S, "-f", "key"],
    ["zip", "-P", S, "a.zip", "b"],
    ["7z", "a", f"-p{S}", "a.7z"],
    ["twine", "upload", "-u", "bob", "-p", S, "dist/x"],
    ["sqlcmd", "-U", "sa", "-P", S],
    ["kubectl", "create", "secret", "generic", "x", f"--from-literal=password={S}"],
    ["x", f"failed: Command '['mysql', '-p{S}']' returned 1"],
    ["x", f'CMD ["x", "--password", "{S}"]'],
]

DOCUMENTS = [
    (".yaml", f"api_key: |\n  {S}\nepochs: 137\n"),
    (".yaml", f"api_key: >-\n  one\n  {S}\nepochs: 137\n"),
    (".yaml", f"password:\n  {S}\nepochs: 137\n"),
    (".yaml", f"auth: {{token: {S}, layers: 3}}\nepochs: 137\n"),
    (".yaml", f"secrets:\n  - {S}\n  - [{S}]\nepochs: 137\n"),
    (".yaml", f"credentials:\n  user: {S}\n  deep: {{a: [{S}]}}\nepochs: 137\n"),
    (".yaml", f"password: a#{S}\nepochs: 137\n"),
    (".yaml", f"# password: {S}\nepochs: 137\n"),
    (".yaml", f"base: &b {S}\npassword: *b\nepochs: 137\n"),
    (".yaml", f'"p\\x61ssword": {S}\nepochs: 137\n'),
    (".yaml", f"? password\n: !!str {S}\nepochs: 137\n"),
    (".yml", f"---\na: 1\n---\npassword: '{S}\n  {S}'\nepochs: 137\n"),
    (".toml", f'api_key = """\n{S}"""\nepochs = 137\n'),
    (".toml", f'x = {{ user = "b", password = "{S}" }}\nepochs = 137\n'),
    (".toml", f'[credentials]\nuser = "{S}"\n[b]\nepochs = 137\n'),
    (".toml", f'passwords = [\n  "a",\n  "{S}",\n]\nepochs = 137\n'),
    (".toml", f"db.'password' = '{S}#{S}'\nepochs = 137\n"),
    (".json", json.dumps({"password": f'x"y {S}', "epochs": 137})),
    (".json", json.dumps({"n": {"secret": f'a\\"{S}'}, "epochs": 137})),
    (".json", f'{{"p\\u0061ssword": "{S}", "epochs": 137}}'),
    (".json", f'{{"password": "{S}", "password": "", "epochs": 137}}'),
    (".json", f'{{"credentials": [["{S}"]], "epochs": 137}}'),
    (".ini", f"[a]\npassword = one\n  {S}\nepochs = 137\n"),
    (".ini", f"[credentials]\nuser: {S}\n[b]\nepochs = 137\n"),
    (".cfg", f"[a]\n; password = {S}\nepochs = 137\n"),
    (".conf", f"password = {S}\nepochs = 137\n"),
    (".yaml", f"command: [curl, -u, 'bob:{S}', https://h]\nepochs: 137\n"),
    (".yaml", f"command:\n  - x\n  - --password\n  - {S}\nepochs: 137\n"),
    (".yaml", f"run: |\n  mysql -p{S} table\nepochs: 137\n"),
    (".yaml", f"auth: bob:{S}\nepochs: 137\n"),
    (".yaml", f"lr: 1  # start with --password {S}\nepochs: 137\n"),
    (".toml", f"# passwords = [1, '{S}']\nepochs = 137\n"),
    (".json", json.dumps({"command": ["mysql", f"-p{S}"], "epochs": 137})),
    (".toml", f'command = ["x", "--api-key", "{S}"]\nepochs = 137\n'),
]

KEPT = [
    ["x", "--pass", "second"],
    ["x", "--pass", "2"],
    ["x", "--low-pass", "butterworth"],
    ["x", "--passes", "12"],
    ["x", "--max-tokens", "512"],
    ["x", "--sort-key", "loss"],
    ["x", "--author", "Jane Doe"],
    ["x", "--keypoints", "coco17"],
    ["x", "--text", "token = word"],
    ["x", "--cookie-jar", "jar.txt"],
    ["x", "--pwconv", "3x3"],
    ["docker", "run", "-p", "8080:80", "image"],
    ["mysql", "-p", "table"],
    ["ssh", "-p", "22", "host"],
    ["x", "--ratio", "16:9"],
    ["x", "--ckpt", "figdata_results/model_aB3dE5gH1jK2mN4pQ6sT7vW8"],
    ["x", "--time", "12345678:AAB"],
    ["x", "wrong password: must be longer"],
    ["x", "cfg={lr: 0.1, layers: 3}"],
    ["x", "--bypass", "conv1x1"],
    ["curl", "-b", "cookies.txt", "https://h"],
    ["bash", "-c", "docker run -p 8080:80 image; ssh -p 22 host"],
    ["bash", "-c", "mysql -p table < in.sql && curl -o out https://h"],
    ["x", "--auth", "basic"],
    ["x", "--auth", "localhost:8080"],
    ["x", "--tokens=[1,2,3]"],
    ["x", "--special-tokens", '["<s>", "</s>"]'],
    ["x", "--password", "{password}"],
    ["x", "--secret", "<secret>"],
    ["x", "key={a: 1, b: [2, 3]}"],
    ["x", json.dumps({"layers": ["-p", "conv1"], "key": [1, 2]})],
    ["wandb", "login", "--relogin"],
    ["wandb", "sync", "run-2024abc"],
    ["x", "--prompt", "use curl or az, the -p flag is fine"],
]


@pytest.mark.parametrize("token", SHAPES)
def test_shapes_are_masked(token: str) -> None:
    tail = token[-12:]

    assert tail not in mask_text(f"see {token}, please")
    assert tail not in "".join(mask_command(["x", token, f"--a={token}"]))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_command_lines_are_masked(command: list[str]) -> None:
    masked = mask_command(command)

    assert len(masked) == len(command)
    assert S not in " ".join(masked)
    assert "***" in " ".join(masked)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize(("ending", "text"), DOCUMENTS)
def test_config_files_are_masked(ending: str, text: str, encoding: str) -> None:
    if encoding == "latin-1" and ending in (".yaml", ".yml", ".ini", ".cfg", ".conf"):
        text = f"# M\xfcller\n{text}"
    if ending == ".toml" and sys.version_info < (3, 11):  # it is not copied at all
        with pytest.raises(ValueError, match="cannot parse TOML"):
            mask_document(text.encode(encoding), ending)
        return

    masked = mask_document(text.encode(encoding), ending).decode(encoding)

    assert S not in masked
    assert "epochs" in masked and "137" in masked
    assert mask_document(masked.encode(encoding), ending).decode(encoding) == masked


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".yaml", f"password: [{S}\n"),
        (".yaml", "a: " + "[" * 5000 + S + ", token"),
        (".toml", f"password = {S}\n"),
        (".json", f'{{"password": "{S}"'),
        (".conf", f"server {{ password {S}; }}\n"),
    ],
)
def test_what_cannot_be_parsed_is_refused(ending: str, text: str) -> None:
    with pytest.raises(ValueError, match="."):
        mask_document(text.encode(), ending)


@pytest.mark.parametrize("command", KEPT, ids=" ".join)
def test_look_alikes_are_kept(command: list[str]) -> None:
    assert mask_command(command) == command


def test_the_documentation_states_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    secrets = len(SHAPES) + len(COMMANDS) + len(DOCUMENTS)
    text = f"{secrets} secrets, 0 of them left readable; {len(KEPT)} look-alikes, 0 of them masked"
    with capsys.disabled():
        print(f"\ncorpus: {text}")

    page = Path(__file__).parents[2] / "docs" / "privacy.md"
    assert text in page.read_text("utf-8")
