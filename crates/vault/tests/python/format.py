"""Writes and reads the format of the program that came before, from its description alone.

    format.py write DIRECTORY ACCOUNTS   makes .key and accounts.db; ACCOUNTS is JSON
    format.py read DIRECTORY             prints everything as JSON
    format.py tokens DIRECTORY UPDATE    stores new tokens, as its renewal does; UPDATE is JSON
"""
import json
import os
import sqlite3
import sys

from cryptography.fernet import Fernet

ACCOUNTS = """CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT UNIQUE NOT NULL,
    auth_type TEXT NOT NULL CHECK(auth_type IN ('api_key', 'oauth')),
    api_key_enc TEXT NOT NULL DEFAULT '',
    access_token_enc TEXT NOT NULL DEFAULT '',
    refresh_token_enc TEXT NOT NULL DEFAULT '',
    expires_at INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL DEFAULT (datetime('now')),
    last_used TEXT
)"""
SECRETS = ("api_key", "access_token", "refresh_token")


def connect(directory):
    connection = sqlite3.connect(os.path.join(directory, "accounts.db"), timeout=20)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    return connection


def fernet(directory):
    with open(os.path.join(directory, ".key"), "rb") as file:
        return Fernet(file.read())


def private(path, contents):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(contents)


def seal(key, text):
    return key.encrypt(text.encode()).decode() if text else ""


def unseal(key, text):
    return key.decrypt(text.encode()).decode() if text else ""


def write(directory, description):
    os.makedirs(directory, mode=0o700, exist_ok=True)
    private(os.path.join(directory, ".key"), Fernet.generate_key())
    private(os.path.join(directory, "accounts.db"), b"")
    key = fernet(directory)
    with connect(directory) as connection:
        connection.execute(ACCOUNTS)
        if description["settings"] is not None:
            connection.execute("CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT)")
            connection.executemany("INSERT INTO settings VALUES (?, ?)", description["settings"].items())
        for account in description["accounts"]:
            connection.execute(
                "INSERT INTO accounts (id, name, auth_type, api_key_enc, access_token_enc,"
                " refresh_token_enc, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (account["id"], account["name"], account["auth_type"],
                 *(seal(key, account[secret]) for secret in SECRETS), account["expires_at"]))


def read(directory):
    key = fernet(directory)
    with connect(directory) as connection:
        accounts = [
            {"id": row["id"], "name": row["name"], "auth_type": row["auth_type"],
             **{secret: unseal(key, row[secret + "_enc"]) for secret in SECRETS},
             "expires_at": row["expires_at"], "created_at": row["created_at"]}
            for row in connection.execute("SELECT * FROM accounts ORDER BY created_at, rowid")]
        settings = dict(connection.execute("SELECT key, value FROM settings").fetchall())
    print(json.dumps({"accounts": accounts, "settings": settings}))


def tokens(directory, update):
    key = fernet(directory)
    with connect(directory) as connection:
        changed = connection.execute(
            "UPDATE accounts SET access_token_enc = ?, refresh_token_enc = ?, expires_at = ? WHERE name = ?",
            (seal(key, update["access_token"]), seal(key, update["refresh_token"]),
             update["expires_at"], update["name"]))
        assert changed.rowcount == 1


if __name__ == "__main__":
    verb, directory, *rest = sys.argv[1:]
    {"write": write, "read": read, "tokens": tokens}[verb](directory, *map(json.loads, rest))
