"""The least that a Python dashboard has to do to list accounts, to be measured beside ours.

dashboard.py DIRECTORY PORT TOKEN

As the Python program does, each request opens the database, and opens the sealed token of each account to mask it.
"""

import hashlib
import hmac
import os
import sqlite3
import sys

from cryptography.fernet import Fernet
from flask import Flask, jsonify, request

directory, port, token = sys.argv[1], int(sys.argv[2]), sys.argv[3]
digest = hashlib.sha256(token.encode()).hexdigest()
app = Flask(__name__)


def sealer():
    with open(os.path.join(directory, ".key"), "rb") as file:
        return Fernet(file.read())


def masked(sealed):
    return "sk-ant-..." + sealer().decrypt(sealed.encode()).decode()[-6:] if sealed else ""


@app.before_request
def check():
    given = hashlib.sha256(request.headers.get("X-Auth-Token", "").encode()).hexdigest()
    if not hmac.compare_digest(given, digest):
        return jsonify({"error": "not signed in"}), 401


@app.get("/api/accounts")
def accounts():
    database = sqlite3.connect(os.path.join(directory, "accounts.db"))
    database.row_factory = sqlite3.Row
    rows = database.execute("SELECT * FROM accounts ORDER BY created_at").fetchall()
    database.close()
    return jsonify(
        [
            {
                "id": row["id"],
                "name": row["name"],
                "auth_type": row["auth_type"],
                "created_at": row["created_at"],
                "last_used": row["last_used"],
                "expires_at": row["expires_at"],
                "masked_key": masked(row["api_key_enc"] or row["access_token_enc"]),
            }
            for row in rows
        ]
    )


app.run(host="127.0.0.1", port=port, threaded=True)
