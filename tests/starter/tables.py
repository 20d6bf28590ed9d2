"""Csv files as people export them, each with a signal in it and quirks around it."""

from __future__ import annotations

import csv
import io
import os
import random
import socket
from datetime import date, timedelta
from pathlib import Path

GREETINGS = ["Hello,", "Dear team,", "Hi there,", "Good morning,"]
PLACES = ["Leeds", "Porto", "Graz", "Lyon", "Cork", "Turku", "Bergen", "Parma"]
URGENT = ["production line stopped", "all users locked out", "data are being lost", "server is down again"]
CALM = ["question about the invoice", "please add a new user", "how can I change the logo", "wish for the next version"]
GOODBYE = ["Thanks", "Best regards", "Cheers", "Many thanks in advance"]
ADJECTIVES = ["blue", "green", "tall", "small", "new", "old", "round", "plain", "heavy", "light"]
GOODS = ["lamp", "chair", "kettle", "shelf", "table", "clock", "rug", "vase"]


def german(number: float) -> str:
    """Return a number as German programs write it: 1.234,50."""
    return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))


def deliveries(path: Path, rows: int = 700) -> None:
    """Semicolons, decimal commas, thousands points, a byte-order mark, and column names that YAML could trip over."""
    draw = random.Random(1)
    text = io.StringIO()
    out = csv.writer(text, delimiter=";", lineterminator="\r\n")
    out.writerow(
        ["Auftragsnr", "Lager", "Gewicht: (kg)", '- Preis "netto" #1', "Strecke\nkm", "🚚 Express", "Verspätet"]
    )
    for number in range(rows):
        distance, weight = draw.uniform(5, 900), draw.lognormvariate(3, 1.5)
        express = draw.random() < 0.3
        late = draw.gauss(distance / 300 + weight / 200 - 1.5 * express, 0.6) > 2
        out.writerow(
            [
                f"A-{70_000 + number}",
                draw.choice(["Nord", "Süd", "Ost", "West"]),
                german(weight),
                german(20 + 30 * weight + draw.gauss(0, 5)),
                "" if draw.random() < 0.04 else german(distance),
                "Ja" if express else "Nein",
                "ja" if late else "nein",
            ]
        )
    path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())


def tickets(path: Path, rows: int = 800) -> None:
    """Two texts with line ends inside, a label of three words, customers with several tickets, mail addresses."""
    draw = random.Random(2)
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["ticket_id", "customer_email", "subject", "body", "channel", "priority", "source_system"])
    customers = [f"{name}.{number}@example.org" for name in ("anna", "jürgen", "marc") for number in range(60)]
    for number in range(rows):
        urgent = draw.random() < 0.25
        phrase = draw.choice(URGENT if urgent == (draw.random() < 0.93) else CALM)
        details = f"{draw.choice(ADJECTIVES)} {draw.choice(GOODS)} {draw.randint(100, 99_999)} in {draw.choice(PLACES)}"
        hello, bye = draw.choice(GREETINGS), draw.choice(GOODBYE)
        body = f"{hello}\nwe write about the {details}: <b>{phrase}</b>.\n\n{bye} – {number}"
        if draw.random() < 0.1:
            body += "\nCall me at +44 20 7946 0958 or write to me@example.com"
        thing = f"{draw.choice(ADJECTIVES)} {draw.choice(GOODS)} in {draw.choice(PLACES)}"
        subject = f"{draw.choice(['Re: ', '', 'Fwd: '])}{thing}, no. {number}"
        priority = "urgent" if urgent else draw.choice(["low", "normal", "normal"])
        out.writerow(
            [f"T{number:05}", draw.choice(customers), subject, body, draw.choice(["web", "mail"]), priority, "v7"]
        )
    path.write_bytes(text.getvalue().encode("cp1252"))


def reviews(path: Path, rows: int = 1_000, broken: float = 0.03) -> int:
    """Dates in three formats within one column, broken rows, a leak and an empty column; return the broken rows."""
    draw = random.Random(3)
    lines = ["review_id,created_at,review,price,category,refund_amount,notes,returned"]
    damaged = 0
    for number in range(rows):
        day = date(2025, 1, 1) + timedelta(days=number * 300 // rows)
        written = draw.choice([day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%b} {day.day}, {day.year}"])
        returned = draw.random() < 0.3
        unhappy = returned == (draw.random() < 0.9)
        word = draw.choice(
            ["broke", "wobbles", "useless", "scratched"] if unhappy else ["lovely", "sturdy", "perfect", "handy"]
        )
        review = (
            f"This {draw.choice(ADJECTIVES)} {draw.choice(GOODS)} {number} is {word}, bought in {draw.choice(PLACES)}"
        )
        price = draw.uniform(5, 60) + 15 * returned
        fields = [
            f"R{number}",
            f'"{written}"',
            f'"{review}"',
            f"{price:.2f}",
            draw.choice(["home", "office", "garden"]),
            f"{price:.2f}" if returned else "",
            "",
            str(int(returned)),
        ]
        line = ",".join(fields)
        if draw.random() < broken:
            damaged += 1
            line = draw.choice([",".join(fields[:3]), f"{line},{line}", line.replace('"', "", 1), "@@@"])
        lines.append(line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return damaged


def special(kind: str, folder: Path) -> Path:
    """Return a path that is neither a file nor a folder: reading it would block, fail or never end."""
    at = folder / "special.csv"
    match kind:
        case "pipe":
            os.mkfifo(at)
        case "device":
            return Path(os.devnull)
        case "socket":
            with socket.socket(socket.AF_UNIX) as opened:
                opened.bind(os.path.relpath(at))
        case "link to a pipe":
            os.mkfifo(folder / "pipe")
            at.symlink_to(folder / "pipe")
    return at
