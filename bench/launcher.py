"""The least that a Python program has to do for the same work, to be measured beside ours.

launcher.py DIRECTORY launch NAME PROGRAM [ARGUMENT...]
launcher.py DIRECTORY list
launcher.py DIRECTORY export
"""

import json
import os
import sqlite3
import sys

from cryptography.fernet import Fernet


def opened(sealer, token):
    return sealer.decrypt(token.encode()).decode() if token else ""


def main():
    directory, verb = sys.argv[1], sys.argv[2]
    with open(os.path.join(directory, ".key"), "rb") as file:
        sealer = Fernet(file.read())
    database = sqlite3.connect(os.path.join(directory, "accounts.db"))
    database.row_factory = sqlite3.Row
    if verb == "launch":
        name, program = sys.argv[3], sys.argv[4]
        row = database.execute("SELECT * FROM accounts WHERE name = ?", (name,)).fetchone()
        key = opened(sealer, row["api_key_enc"])
        database.execute("UPDATE accounts SET last_used = datetime('now') WHERE id = ?", (row["id"],))
        database.commit()
        database.close()
        os.execve(program, sys.argv[4:], dict(os.environ, ANTHROPIC_API_KEY=key))
    rows = database.execute("SELECT * FROM accounts ORDER BY created_at").fetchall()
    if verb == "list":
        for row in rows:
            secret = opened(sealer, row["api_key_enc"] or row["access_token_enc"])
            print(f"{row['name']:30} {row['auth_type']:8} ...{secret[-4:]}")
    else:
        columns = ("api_key_enc", "access_token_enc", "refresh_token_enc")
        entries = [
            {"name": row["name"], "auth_type": row["auth_type"], "expires_at": row["expires_at"]}
            | {column[:-4]: opened(sealer, row[column]) for column in columns}
            for row in rows
        ]
        json.dump(entries, sys.stdout, indent=2)


main()
