//! Small functions to be written, from easy ones to such that a small model gets wrong at first.

/// A function that is wanted.
#[derive(Debug)]
pub(crate) struct Task {
    /// Its name and parameters: `to_roman(number)`.
    pub(crate) signature: &'static str,
    pub(crate) wish: &'static str,
    /// Calls and what they have to give: the tests whose failures are told.
    pub(crate) tests: &'static [Test],
    /// Some more that are never told, so that nobody passes by writing down what was asked.
    pub(crate) held_out: &'static [Test],
}

/// A call in Python, and what it has to give.
pub(crate) type Test = (&'static str, &'static str);

impl Task {
    pub(crate) fn name(&self) -> &'static str {
        self.signature.split('(').next().unwrap_or(self.signature)
    }
}

/// So many.
pub(crate) const COUNT: usize = 20;

/// All tasks, each with its seed: every second one, then the others, so that easy and hard ones are mixed if the time runs out.
pub(crate) fn mixed() -> impl Iterator<Item = (u64, &'static Task)> {
    let all = || (1..).zip(&TASKS);
    all().step_by(2).chain(all().skip(1).step_by(2))
}

#[rustfmt::skip]
pub(crate) static TASKS: [Task; COUNT] = [
    Task {
        signature: "count_vowels(text)",
        wish: "Count how many letters of a text are one of a, e, i, o, u, in upper or lower case.",
        tests: &[("count_vowels('hello')", "2"), ("count_vowels('')", "0"), ("count_vowels('AEIOU xyz')", "5")],
        held_out: &[("count_vowels('Rhythm')", "0"), ("count_vowels('Queue')", "4")],
    },
    Task {
        signature: "is_mirrored(text)",
        wish: "Say whether a text reads the same from both ends. Only letters and digits count, and upper and lower case are the same. A text without any of them reads the same.",
        tests: &[("is_mirrored('Never odd or even')", "True"), ("is_mirrored('ab')", "False"), ("is_mirrored(', .')", "True"), ("is_mirrored('1a, 2')", "False")],
        held_out: &[("is_mirrored('No lemon, no melon!')", "True"), ("is_mirrored('1 2 1')", "True"), ("is_mirrored('10')", "False")],
    },
    Task {
        signature: "run_lengths(text)",
        wish: "Shorten a text: each run of the same character becomes that character and the length of the run, and the length is left out where it is 1. So 'aaab' becomes 'a3b'.",
        tests: &[("run_lengths('aaab')", "'a3b'"), ("run_lengths('')", "''"), ("run_lengths('abc')", "'abc'"), ("run_lengths('zzzzzzzzzzzz')", "'z12'"), ("run_lengths('aabbaa')", "'a2b2a2'")],
        held_out: &[("run_lengths('x')", "'x'"), ("run_lengths('  !')", "' 2!'"), ("run_lengths('Aa')", "'Aa'")],
    },
    Task {
        signature: "to_roman(number)",
        wish: "Write a whole number from 1 to 3999 as a Roman numeral.",
        tests: &[("to_roman(4)", "'IV'"), ("to_roman(1994)", "'MCMXCIV'"), ("to_roman(3999)", "'MMMCMXCIX'"), ("to_roman(40)", "'XL'")],
        held_out: &[("to_roman(1)", "'I'"), ("to_roman(888)", "'DCCCLXXXVIII'"), ("to_roman(449)", "'CDXLIX'")],
    },
    Task {
        signature: "from_roman(text)",
        wish: "Read a Roman numeral from I (1) to MMMCMXCIX (3999). Give None for everything that is not exactly how such a number is written, such as 'IIII', 'VX', 'IC', 'iv' or ''.",
        tests: &[("from_roman('XIV')", "14"), ("from_roman('MCMXCIV')", "1994"), ("from_roman('IIII')", "None"), ("from_roman('VX')", "None"), ("from_roman('')", "None"), ("from_roman('IXI')", "None")],
        held_out: &[("from_roman('MMMCMXCIX')", "3999"), ("from_roman('IM')", "None"), ("from_roman('XCX')", "None"), ("from_roman('abc')", "None")],
    },
    Task {
        signature: "is_balanced(text)",
        wish: "Say whether the brackets (), [] and {} in a text are balanced and properly nested. What stands between two double quotes is a string, in which brackets do not count. A string that is not closed is not balanced. All other characters are ignored.",
        tests: &[("is_balanced('a(b[c]{d})')", "True"), ("is_balanced('([)]')", "False"), ("is_balanced('(\")\")')", "True"), ("is_balanced('((')", "False"), ("is_balanced('\"abc')", "False"), ("is_balanced(')(')", "False")],
        held_out: &[("is_balanced('')", "True"), ("is_balanced('[\"[\" + \"]]\"]')", "True"), ("is_balanced('\"\"(')", "False")],
    },
    Task {
        signature: "merge_ranges(ranges)",
        wish: "Merge ranges of whole numbers. Each range is a list of its two ends, both included, in either order. Ranges that overlap become one, and so do ranges that touch: [1, 2] and [3, 4] are [1, 4]. Give lists [low, high], the lowest first.",
        tests: &[("merge_ranges([[1, 3], [2, 6]])", "[[1, 6]]"), ("merge_ranges([[3, 4], [1, 2]])", "[[1, 4]]"), ("merge_ranges([])", "[]"), ("merge_ranges([[9, 7], [1, 1]])", "[[1, 1], [7, 9]]"), ("merge_ranges([[1, 10], [2, 3], [12, 13]])", "[[1, 10], [12, 13]]")],
        held_out: &[("merge_ranges([[5, 1], [6, 8]])", "[[1, 8]]"), ("merge_ranges([[1, 9], [2, 3], [8, 9]])", "[[1, 9]]"), ("merge_ranges([[-3, -5], [-2, 0]])", "[[-5, 0]]")],
    },
    Task {
        signature: "show_seconds(seconds)",
        wish: "Write a number of seconds as days, hours, minutes and seconds with the units d, h, min and s, for example '1 d 2 h 3 min 4 s'. Leave out the units of which there are 0, but write 0 as '0 s'. Put a '-' in front of all of it if the number is negative.",
        tests: &[("show_seconds(93784)", "'1 d 2 h 3 min 4 s'"), ("show_seconds(0)", "'0 s'"), ("show_seconds(3600)", "'1 h'"), ("show_seconds(-61)", "'-1 min 1 s'"), ("show_seconds(86405)", "'1 d 5 s'")],
        held_out: &[("show_seconds(59)", "'59 s'"), ("show_seconds(-86400)", "'-1 d'"), ("show_seconds(864000)", "'10 d'")],
    },
    Task {
        signature: "read_seconds(text)",
        wish: "Read a duration such as '1h30m', '45s' or '2h5s' and give it in seconds. There is at most one number of hours (h), minutes (m) and seconds (s) each, in this order, without spaces, and at least one of them. Give None for anything else.",
        tests: &[("read_seconds('1h30m')", "5400"), ("read_seconds('45s')", "45"), ("read_seconds('2h5s')", "7205"), ("read_seconds('')", "None"), ("read_seconds('5m1h')", "None"), ("read_seconds('10')", "None"), ("read_seconds('1h 5m')", "None")],
        held_out: &[("read_seconds('100m')", "6000"), ("read_seconds('1m1m')", "None"), ("read_seconds('h')", "None"), ("read_seconds('-5s')", "None")],
    },
    Task {
        signature: "wrap_words(text, width)",
        wish: "Break a text into lines of at most width characters and give the list of lines. Words are separated by white space and joined by one space; each line takes as many words as fit. A word that is longer than a whole line begins on a new line and is cut into pieces of width characters; what remains of it is followed by the next words if they fit.",
        tests: &[("wrap_words('the cat sat', 7)", "['the cat', 'sat']"), ("wrap_words('', 5)", "[]"), ("wrap_words('a  b\\nc', 3)", "['a b', 'c']"), ("wrap_words('abcdefgh i', 3)", "['abc', 'def', 'gh', 'i']"), ("wrap_words('a abcd e', 3)", "['a', 'abc', 'd e']")],
        held_out: &[("wrap_words('one', 3)", "['one']"), ("wrap_words('abcdef', 3)", "['abc', 'def']"), ("wrap_words('to be or not', 5)", "['to be', 'or', 'not']")],
    },
    Task {
        signature: "compare_versions(a, b)",
        wish: "Compare two versions such as '1.10.2' and give -1 if a is older than b, 1 if it is newer and 0 if they are the same. Parts are compared as numbers, and missing parts are 0, so '1.2' is the same as '1.2.0'. A version may end with '-rc' and a number: such a version is older than the same one without it, and rc2 is newer than rc1.",
        tests: &[("compare_versions('1.10', '1.9')", "1"), ("compare_versions('1.2', '1.2.0')", "0"), ("compare_versions('2.0-rc1', '2.0')", "-1"), ("compare_versions('2.0-rc10', '2.0.0-rc9')", "1"), ("compare_versions('1.0.1-rc1', '1.0')", "1")],
        held_out: &[("compare_versions('1', '1.0.0.1')", "-1"), ("compare_versions('3.1-rc2', '3.1.0-rc2')", "0"), ("compare_versions('0.9', '1.0-rc1')", "-1")],
    },
    Task {
        signature: "frequent_words(text, count)",
        wish: "Give the list of the count words that occur most often in a text, the most frequent first and equally frequent ones in alphabetical order. Words are made of the letters a to z, upper and lower case are the same and are given in lower case, and an apostrophe (') between two letters belongs to the word; one at the edge of a word does not.",
        tests: &[("frequent_words('b a B c', 2)", "['b', 'a']"), ("frequent_words(\"Don't! don't, do\", 1)", "[\"don't\"]"), ("frequent_words('', 3)", "[]"), ("frequent_words(\"the 'end' of the end\", 2)", "['end', 'the']")],
        held_out: &[("frequent_words('x y z', 9)", "['x', 'y', 'z']"), ("frequent_words('a1a b', 1)", "['a']"), ("frequent_words(\"it's its it's\", 2)", "[\"it's\", 'its']")],
    },
    Task {
        signature: "spiral(rows)",
        wish: "Give the numbers of a table, which is a list of rows of the same length, in the order of a spiral: along the first row to the right, down the last column, back along the last row, up the first column, and so on inwards.",
        tests: &[("spiral([[1, 2, 3], [4, 5, 6], [7, 8, 9]])", "[1, 2, 3, 6, 9, 8, 7, 4, 5]"), ("spiral([])", "[]"), ("spiral([[1, 2, 3]])", "[1, 2, 3]"), ("spiral([[1], [2], [3]])", "[1, 2, 3]"), ("spiral([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])", "[1, 2, 3, 4, 8, 12, 11, 10, 9, 5, 6, 7]")],
        held_out: &[("spiral([[1, 2], [3, 4]])", "[1, 2, 4, 3]"), ("spiral([[1, 2], [3, 4], [5, 6]])", "[1, 2, 4, 6, 5, 3]"), ("spiral([[7]])", "[7]")],
    },
    Task {
        signature: "compute(expression)",
        wish: "Compute an expression of whole numbers with + - * / ^ and parentheses, and give a whole number. / rounds down, as // does in Python. ^ is the power: it binds strongest and from the right, so 2^3^2 is 512, and -2^2 is -4. A minus may stand before a number or a parenthesis. Spaces do not matter. Give None for a division by zero.",
        tests: &[("compute('1 + 2 * 3')", "7"), ("compute('2^3^2')", "512"), ("compute('-2^2')", "-4"), ("compute('7 / 2')", "3"), ("compute('1 / (2 - 2)')", "None"), ("compute('2 * -(3 + 4)')", "-14")],
        held_out: &[("compute('10 - 4 - 3')", "3"), ("compute('-7 / 2')", "-4"), ("compute('(1 + 1)^10')", "1024")],
    },
    Task {
        signature: "split_row(line)",
        wish: "Split a row of a table into its fields, which are separated by semicolons (;). A field may stand in double quotes, which are no part of it; within them a semicolon is part of the field, and two double quotes are one. Spaces are part of a field. An empty row has one empty field.",
        tests: &[("split_row('a;b;c')", "['a', 'b', 'c']"), ("split_row('')", "['']"), ("split_row('\"a;b\";c')", "['a;b', 'c']"), ("split_row('\"say \"\"hi\"\"\";')", "['say \"hi\"', '']"), ("split_row(' a ; b')", "[' a ', ' b']")],
        held_out: &[("split_row(';;')", "['', '', '']"), ("split_row('\"\";x')", "['', 'x']"), ("split_row('\"\"\"\"')", "['\"']")],
    },
    Task {
        signature: "next_generation(rows)",
        wish: "Play one step of Conway's Game of Life. rows is a list of strings of the same length, in which '#' is a living cell and '.' a dead one; give the next ones in the same form. The board is a torus: beyond its right edge comes its left edge, beyond its lower edge its upper edge, and the other way round.",
        tests: &[("next_generation(['.....', '..#..', '..#..', '..#..', '.....'])", "['.....', '.....', '.###.', '.....', '.....']"), ("next_generation(['....', '....', '....', '....'])", "['....', '....', '....', '....']"), ("next_generation(['#...', '#...', '#...', '....'])", "['....', '##.#', '....', '....']"), ("next_generation(['##..', '##..', '....', '....'])", "['##..', '##..', '....', '....']")],
        held_out: &[("next_generation(['#..#', '....', '....', '#..#'])", "['#..#', '....', '....', '#..#']"), ("next_generation(['.....', '.....', '###..', '.....', '.....'])", "['.....', '.#...', '.#...', '.#...', '.....']")],
    },
    Task {
        signature: "pay(amount, coins)",
        wish: "Give the shortest list of coins that add up to amount, the largest coin first. coins lists the coins that there are, each as often as one likes. Of several shortest lists give the one with the largest first coin, then the largest second one, and so on. Give [] for the amount 0 and None if it can't be paid.",
        tests: &[("pay(6, [1, 3, 4])", "[3, 3]"), ("pay(0, [5])", "[]"), ("pay(3, [2])", "None"), ("pay(63, [1, 5, 10, 21, 25])", "[21, 21, 21]"), ("pay(8, [1, 3, 5, 4, 7])", "[7, 1]")],
        held_out: &[("pay(11, [1, 2, 5])", "[5, 5, 1]"), ("pay(7, [3, 5])", "None"), ("pay(10, [5, 6, 4])", "[6, 4]")],
    },
    Task {
        signature: "order_tasks(needs)",
        wish: "Put tasks in order. needs is a dict from each task to the list of tasks that have to come before it; tasks that are only named in such a list are to be done too. Wherever several tasks could come next, take the one whose name comes first in the alphabet. Give the list of all tasks, or None if there is no such order.",
        tests: &[("order_tasks({'b': ['a'], 'a': []})", "['a', 'b']"), ("order_tasks({})", "[]"), ("order_tasks({'a': ['b'], 'b': ['a']})", "None"), ("order_tasks({'a': ['z'], 'm': []})", "['m', 'z', 'a']"), ("order_tasks({'d': ['b', 'c'], 'b': ['a'], 'c': ['a']})", "['a', 'b', 'c', 'd']")],
        held_out: &[("order_tasks({'a': ['c'], 'b': [], 'c': []})", "['b', 'c', 'a']"), ("order_tasks({'x': ['x']})", "None"), ("order_tasks({'a': ['b'], 'd': ['b'], 'c': ['a']})", "['b', 'a', 'c', 'd']")],
    },
    Task {
        signature: "in_words(number)",
        wish: "Write a whole number from 0 to 999999 in English words as the British do: 'forty-two', 'one hundred and five', 'two thousand three hundred and one', 'six thousand and twelve'. Within each three digits 'and' stands between the hundreds and the rest, and after the thousands if fewer than a hundred follow.",
        tests: &[("in_words(42)", "'forty-two'"), ("in_words(0)", "'zero'"), ("in_words(105)", "'one hundred and five'"), ("in_words(2301)", "'two thousand three hundred and one'"), ("in_words(6012)", "'six thousand and twelve'"), ("in_words(700000)", "'seven hundred thousand'")],
        held_out: &[("in_words(13)", "'thirteen'"), ("in_words(90)", "'ninety'"), ("in_words(115116)", "'one hundred and fifteen thousand one hundred and sixteen'"), ("in_words(40005)", "'forty thousand and five'")],
    },
    Task {
        signature: "typing_errors(a, b)",
        wish: "Give the least number of typing errors that make the text a into b. One error leaves out a letter, adds a letter, puts another letter in the place of one, or swaps two letters that stand side by side; letters that were swapped are not changed again.",
        tests: &[("typing_errors('cat', 'cat')", "0"), ("typing_errors('', 'abc')", "3"), ("typing_errors('form', 'from')", "1"), ("typing_errors('kitten', 'sitting')", "3"), ("typing_errors('ca', 'abc')", "3")],
        held_out: &[("typing_errors('abcd', 'badc')", "2"), ("typing_errors('sunday', 'saturday')", "3"), ("typing_errors('ab', '')", "2")],
    },
];
