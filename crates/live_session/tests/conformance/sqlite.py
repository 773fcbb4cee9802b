"""Writes from several processes into the database argv[1] with the journal argv[2], or only checks it."""

import os
import sqlite3
import sys

WRITERS = 3
TRANSACTIONS = 25
ROWS = 10

path, journal, what = sys.argv[1:]


def connect():
    connection = sqlite3.connect(path, timeout=120, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def write(writer):
    connection = connect()
    for number in range(TRANSACTIONS):
        connection.execute("BEGIN IMMEDIATE")
        (total,) = connection.execute("SELECT value FROM total").fetchone()
        for row in range(ROWS):
            connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", (writer, number, row, os.urandom(300)))
        connection.execute("UPDATE total SET value = ?", (total + ROWS,))
        # Some are given up: what they have written has to go again.
        if number % 5 == 4:
            connection.execute("ROLLBACK")
        else:
            connection.execute("COMMIT")
        check_total(connection)


def check_total(connection):
    connection.execute("BEGIN")
    (total,) = connection.execute("SELECT value FROM total").fetchone()
    (count,) = connection.execute("SELECT count(*) FROM rows").fetchone()
    connection.execute("COMMIT")
    assert total == count, (total, count)


if what == "write":
    connection = connect()
    (mode,) = connection.execute(f"PRAGMA journal_mode={journal}").fetchone()
    assert mode == journal, mode
    connection.execute("CREATE TABLE rows (writer, number, row, contents)")
    connection.execute("CREATE TABLE total (value)")
    connection.execute("INSERT INTO total VALUES (0)")
    connection.close()
    children = []
    for writer in range(WRITERS):
        child = os.fork()
        if child == 0:
            try:
                write(writer)
            except BaseException as error:
                print(error, file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    assert statuses == [0] * WRITERS, statuses

connection = connect()
assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
check_total(connection)
if what == "write":
    (total,) = connection.execute("SELECT value FROM total").fetchone()
    assert total == WRITERS * TRANSACTIONS * 4 // 5 * ROWS, total
    connection.execute("DELETE FROM rows WHERE row = 0")
    connection.execute("VACUUM")
    connection.execute("UPDATE total SET value = ?", (total * (ROWS - 1) // ROWS,))
    check_total(connection)
