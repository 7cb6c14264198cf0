# A solution of each task, for the tests of the tasks.
import re
from collections import Counter


def count_vowels(text):
    return sum(letter in "aeiou" for letter in text.lower())


def is_mirrored(text):
    kept = [letter for letter in text.lower() if letter.isalnum()]
    return kept == kept[::-1]


def run_lengths(text):
    runs = re.findall(r"((.)\2*)", text, re.S)
    return "".join(letter + (str(len(run)) if len(run) > 1 else "") for run, letter in runs)


PAIRS = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
         (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


def to_roman(number):
    text = ""
    for value, letters in PAIRS:
        text += letters * (number // value)
        number %= value
    return text


def from_roman(text):
    for number in range(1, 4000):
        if to_roman(number) == text:
            return number
    return None


def is_balanced(text):
    closes, open_, quoted = {")": "(", "]": "[", "}": "{"}, [], False
    for letter in text:
        if letter == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif letter in "([{":
            open_.append(letter)
        elif letter in closes and (not open_ or open_.pop() != closes[letter]):
            return False
    return not open_ and not quoted


def merge_ranges(ranges):
    merged = []
    for low, high in sorted((min(pair), max(pair)) for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    return merged


def show_seconds(seconds):
    sign, rest, parts = ("-" if seconds < 0 else ""), abs(seconds), []
    for name, size in [("d", 86400), ("h", 3600), ("min", 60), ("s", 1)]:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}")
    return sign + (" ".join(parts) or "0 s")


def read_seconds(text):
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    if not text or not found:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def wrap_words(text, width):
    lines, line = [], ""
    for word in text.split():
        while word:
            room = width - len(line) - 1 if line else width
            if len(word) <= room:
                line, word = (line + " " + word if line else word), ""
            elif line:
                lines.append(line)
                line = ""
            else:
                lines.append(word[:width])
                word = word[width:]
    return lines + [line] if line else lines


def compare_versions(a, b):
    def key(version):
        numbers, _, trial = version.partition("-rc")
        numbers = [int(number) for number in numbers.split(".")]
        while numbers and numbers[-1] == 0:
            numbers.pop()
        return numbers, (int(trial) if trial else float("inf"))
    return (key(a) > key(b)) - (key(a) < key(b))


def frequent_words(text, count):
    counted = Counter(re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower()))
    return [word for word, _ in sorted(counted.items(), key=lambda it: (-it[1], it[0]))[:count]]


def spiral(rows):
    rows, out = [list(row) for row in rows], []
    while rows and rows[0]:
        out += rows.pop(0)
        rows = [list(row) for row in zip(*rows)][::-1]
    return out


def compute(expression):
    tokens = re.findall(r"\d+|[-+*/^()]", expression)
    at = 0

    def peek():
        return tokens[at] if at < len(tokens) else None

    def take():
        nonlocal at
        at += 1
        return tokens[at - 1]

    def total():
        value = product()
        while peek() in ("+", "-"):
            value = value + product() if take() == "+" else value - product()
        return value

    def product():
        value = signed()
        while peek() in ("*", "/"):
            value = value * signed() if take() == "*" else value // signed()
        return value

    def signed():
        if peek() == "-":
            take()
            return -signed()
        return power()

    def power():
        base = atom()
        if peek() == "^":
            take()
            return base ** signed()
        return base

    def atom():
        token = take()
        if token == "(":
            value = total()
            take()
            return value
        return int(token)

    try:
        return total()
    except ZeroDivisionError:
        return None


def split_row(line):
    fields, field, quoted, at = [], "", False, 0
    while at < len(line):
        letter = line[at]
        if quoted and line[at:at + 2] == '""':
            field, at = field + '"', at + 1
        elif letter == '"':
            quoted = not quoted
        elif letter == ";" and not quoted:
            fields.append(field)
            field = ""
        else:
            field += letter
        at += 1
    return fields + [field]


def next_generation(rows):
    height, width, out = len(rows), len(rows[0]), []
    for y in range(height):
        line = ""
        for x in range(width):
            near = sum(rows[(y + dy) % height][(x + dx) % width] == "#"
                       for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
            line += "#" if near == 3 or (near == 2 and rows[y][x] == "#") else "."
        out.append(line)
    return out


def pay(amount, coins):
    best = [[]] + [None] * amount
    for total in range(1, amount + 1):
        for coin in coins:
            before = best[total - coin] if coin <= total else None
            if before is not None:
                ways = sorted(before + [coin], reverse=True)
                if best[total] is None or (len(ways), [-it for it in ways]) < (
                        len(best[total]), [-it for it in best[total]]):
                    best[total] = ways
    return best[amount]


def order_tasks(needs):
    waits = {task: set(before) for task, before in needs.items()}
    for before in needs.values():
        for task in before:
            waits.setdefault(task, set())
    order = []
    while waits:
        free = sorted(task for task, before in waits.items() if not before - set(order))
        if not free:
            return None
        order.append(free[0])
        del waits[free[0]]
    return order


ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen").split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(number):
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + ("-" + ONES[number % 10] if number % 10 else "")
    if number < 1000:
        rest = number % 100
        return ONES[number // 100] + " hundred" + (" and " + in_words(rest) if rest else "")
    rest = number % 1000
    text = in_words(number // 1000) + " thousand"
    if not rest:
        return text
    return text + (" and " if rest < 100 else " ") + in_words(rest)


def typing_errors(a, b):
    table = {}
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if not i or not j:
                table[i, j] = i + j
                continue
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(a), len(b)]
