//! Ways to write a function, each in Python and as a twin that does the same here.

/// Something to write.
pub(super) struct Problem {
    pub(super) text: &'static str,
    /// Assertions in Python, as whoever wants the function writes them.
    pub(super) tests: &'static str,
    /// A call of it.
    pub(super) try_out: &'static str,
    pub(super) ways: &'static [Solution],
}

/// What is told of it, the source, and whether its twin is right everywhere.
pub(super) type Solution = (&'static str, &'static str, fn() -> bool);

pub(super) const PROBLEMS: [Problem; 5] = [
    Problem {
        text: "leap(year), whether a year is a leap year of the Gregorian calendar",
        tests: "assert leap(2024) and leap(2000) and not leap(1900) and not leap(2023) and leap(2400)",
        try_out: "leap(2024)",
        ways: &[
            (
                "the rule",
                "def leap(year):\n    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)",
                || leaps(|year| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)),
            ),
            (
                "the rule by cases",
                "def leap(year):\n    if year % 400 == 0:\n        return True\n    if year % 100 == 0:\n        return False\n    return year % 4 == 0",
                || {
                    leaps(|year| {
                        if year % 400 == 0 {
                            true
                        } else if year % 100 == 0 {
                            false
                        } else {
                            year % 4 == 0
                        }
                    })
                },
            ),
            ("centuries forgotten", "def leap(year):\n    return year % 4 == 0", || {
                leaps(|year| year % 4 == 0)
            }),
            (
                "the fourth century forgotten",
                "def leap(year):\n    return year % 4 == 0 and year % 100 != 0",
                || leaps(|year| year % 4 == 0 && year % 100 != 0),
            ),
        ],
    },
    Problem {
        text: "gcd(a, b), the greatest common divisor of two numbers that are not negative, where gcd(0, 0) is 0",
        tests: "assert gcd(12, 18) == 6 and gcd(17, 5) == 1\nassert gcd(0, 7) == 7 and gcd(7, 0) == 7 and gcd(0, 0) == 0",
        try_out: "gcd(12, 18)",
        ways: &[
            ("by remainders", "def gcd(a, b):\n    while b:\n        a, b = b, a % b\n    return a", || {
                divisors(|mut a, mut b| {
                    while b != 0 {
                        (a, b) = (b, a % b);
                    }
                    Some(a)
                })
            }),
            ("by calling itself", "def gcd(a, b):\n    return a if b == 0 else gcd(b, a % b)", || {
                divisors(|a, b| Some(by_itself(a, b)))
            }),
            (
                "zero forgotten",
                "def gcd(a, b):\n    for d in range(min(a, b), 0, -1):\n        if a % d == 0 and b % d == 0:\n            return d",
                || divisors(|a, b| (1..=a.min(b)).rev().find(|d| a % d == 0 && b % d == 0)),
            ),
            (
                "does not end with a zero",
                "def gcd(a, b):\n    while a != b:\n        if a > b:\n            a -= b\n        else:\n            b -= a\n    return a",
                || {
                    divisors(|mut a, mut b| {
                        while a != b {
                            if a.min(b) == 0 {
                                return None;
                            }
                            if a > b { a -= b } else { b -= a }
                        }
                        Some(a)
                    })
                },
            ),
            (
                "a step too far",
                "def gcd(a, b):\n    r = a % b\n    while r:\n        a, b = b, r\n        r = a % b\n    return b",
                || {
                    divisors(|mut a, mut b| {
                        let mut r = a.checked_rem(b)?;
                        while r != 0 {
                            (a, b) = (b, r);
                            r = a % b;
                        }
                        Some(b)
                    })
                },
            ),
        ],
    },
    Problem {
        text: "median(numbers), the median of a list that is not empty; of an even number of them, the mean of the middle two",
        tests: "assert median([3]) == 3 and median([5, 1, 3]) == 3\nassert median([4, 1, 3, 2]) == 2.5 and median([2, 1]) == 1.5",
        try_out: "median([3, 1, 2])",
        ways: &[
            (
                "sorted",
                "def median(numbers):\n    s = sorted(numbers)\n    n = len(s)\n    return s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) / 2",
                || {
                    medians(|numbers| {
                        let mut s = numbers.to_vec();
                        s.sort_unstable();
                        let n = s.len();
                        if n % 2 == 1 { 2 * s[n / 2] } else { s[n / 2 - 1] + s[n / 2] }
                    })
                },
            ),
            (
                "both middles, always",
                "def median(numbers):\n    s = sorted(numbers)\n    return (s[(len(s) - 1) // 2] + s[len(s) // 2]) / 2",
                || {
                    medians(|numbers| {
                        let mut s = numbers.to_vec();
                        s.sort_unstable();
                        s[(s.len() - 1) / 2] + s[s.len() / 2]
                    })
                },
            ),
            (
                "the upper middle",
                "def median(numbers):\n    return sorted(numbers)[len(numbers) // 2]",
                || {
                    medians(|numbers| {
                        let mut s = numbers.to_vec();
                        s.sort_unstable();
                        2 * s[s.len() / 2]
                    })
                },
            ),
            (
                "not sorted",
                "def median(numbers):\n    n = len(numbers)\n    return numbers[n // 2] if n % 2 else (numbers[n // 2 - 1] + numbers[n // 2]) / 2",
                || {
                    medians(|s| {
                        let n = s.len();
                        if n % 2 == 1 { 2 * s[n / 2] } else { s[n / 2 - 1] + s[n / 2] }
                    })
                },
            ),
            (
                "whole numbers alone",
                "def median(numbers):\n    s = sorted(numbers)\n    n = len(s)\n    return s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) // 2",
                || {
                    medians(|numbers| {
                        let mut s = numbers.to_vec();
                        s.sort_unstable();
                        let n = s.len();
                        if n % 2 == 1 { 2 * s[n / 2] } else { (s[n / 2 - 1] + s[n / 2]) / 2 * 2 }
                    })
                },
            ),
        ],
    },
    Problem {
        text: "first(numbers, x), the place of the first x in a sorted list, or -1 if there is none",
        tests: "assert first([1, 3, 5], 3) == 1 and first([1, 3, 5], 4) == -1 and first([], 1) == -1\n\
                assert first([2, 2, 2, 2], 2) == 0 and first([1, 2, 2, 2], 2) == 1\n\
                assert first([1, 3, 5], 5) == 2 and first([1], 0) == -1",
        try_out: "first([1, 2], 2)",
        ways: &[
            (
                "by halves",
                "def first(numbers, x):\n    low, high = 0, len(numbers)\n    while low < high:\n        middle = (low + high) // 2\n        if numbers[middle] < x:\n            low = middle + 1\n        else:\n            high = middle\n    return low if low < len(numbers) and numbers[low] == x else -1",
                || {
                    firsts(|numbers, x| {
                        let (mut low, mut high) = (0, numbers.len());
                        while low < high {
                            let middle = (low + high) / 2;
                            if numbers[middle] < x { low = middle + 1 } else { high = middle }
                        }
                        (numbers.get(low) == Some(&x)).then_some(low)
                    })
                },
            ),
            (
                "one after the other",
                "def first(numbers, x):\n    for place, number in enumerate(numbers):\n        if number == x:\n            return place\n    return -1",
                || firsts(|numbers, x| numbers.iter().position(|number| *number == x)),
            ),
            (
                "any of them",
                "def first(numbers, x):\n    low, high = 0, len(numbers) - 1\n    while low <= high:\n        middle = (low + high) // 2\n        if numbers[middle] == x:\n            return middle\n        if numbers[middle] < x:\n            low = middle + 1\n        else:\n            high = middle - 1\n    return -1",
                || {
                    firsts(|numbers, x| {
                        let (mut low, mut end) = (0, numbers.len());
                        while low < end {
                            let middle = (low + end - 1) / 2;
                            if numbers[middle] == x {
                                return Some(middle);
                            }
                            if numbers[middle] < x { low = middle + 1 } else { end = middle }
                        }
                        None
                    })
                },
            ),
            (
                "the last place never looked at",
                "def first(numbers, x):\n    for place in range(len(numbers) - 1):\n        if numbers[place] == x:\n            return place\n    return -1",
                || {
                    firsts(|numbers, x| {
                        numbers.iter().take(numbers.len().saturating_sub(1)).position(|number| *number == x)
                    })
                },
            ),
        ],
    },
    Problem {
        text: "digits(n), the sum of the decimal digits of a whole number, which may be negative",
        tests: "assert digits(0) == 0 and digits(123) == 6 and digits(-12) == 3 and digits(900) == 9",
        try_out: "digits(12)",
        ways: &[
            ("by its text", "def digits(n):\n    return sum(int(d) for d in str(abs(n)))", || {
                digit_sums(|n| {
                    n.unsigned_abs().to_string().chars().try_fold(0, |sum, d| Some(sum + d.to_digit(10)?))
                })
            }),
            (
                "by remainders",
                "def digits(n):\n    n = abs(n)\n    s = 0\n    while n:\n        n, d = divmod(n, 10)\n        s += d\n    return s",
                || digit_sums(|n| Some(by_remainders(n.unsigned_abs()))),
            ),
            ("a sign is no digit", "def digits(n):\n    return sum(int(d) for d in str(n))", || {
                digit_sums(|n| n.to_string().chars().try_fold(0, |sum, d| Some(sum + d.to_digit(10)?)))
            }),
            (
                "negative ones are nothing",
                "def digits(n):\n    s = 0\n    while n > 0:\n        s += n % 10\n        n //= 10\n    return s",
                || digit_sums(|n| Some(by_remainders(u32::try_from(n).unwrap_or(0)))),
            ),
        ],
    },
];

/// 97 of 400 years are leap years: February has a 29th day if the days up to then say so.
fn leaps(twin: fn(u32) -> bool) -> bool {
    let before = |year: u32| year / 4 - year / 100 + year / 400;
    (1..3_000).all(|year| twin(year) == (before(year) > before(year - 1)))
}

fn by_itself(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { by_itself(b, a % b) }
}

fn divisors(twin: fn(u32, u32) -> Option<u32>) -> bool {
    let divides = |d: u32, n: u32| n.is_multiple_of(d);
    let greatest =
        |a: u32, b: u32| (1..=a.max(b)).rev().find(|d| divides(*d, a) && divides(*d, b)).unwrap_or(0);
    (0..60).all(|a| (0..60).all(|b| twin(a, b) == Some(greatest(a, b))))
}

/// All lists of up to five numbers from 0 to 3.
fn lists() -> impl Iterator<Item = Vec<u32>> {
    (1..=5_u32).flat_map(|length| {
        (0..4_u32.pow(length)).map(move |n| (0..length).map(|place| n / 4_u32.pow(place) % 4).collect())
    })
}

/// Twice the median: as many are below each middle as above it.
fn medians(twin: fn(&[u32]) -> u32) -> bool {
    let nth = |numbers: &[u32], place: usize| {
        (0..4).find(|n| numbers.iter().filter(|number| *number <= n).count() > place).unwrap_or(0)
    };
    lists().all(|numbers| {
        let n = numbers.len();
        twin(&numbers) == nth(&numbers, (n - 1) / 2) + nth(&numbers, n / 2)
    })
}

fn firsts(twin: fn(&[u32], u32) -> Option<usize>) -> bool {
    let sorted = lists().filter(|numbers| numbers.is_sorted()).chain([Vec::new()]);
    sorted.into_iter().all(|numbers| {
        (0..5).all(|x| {
            let below = numbers.iter().filter(|number| **number < x).count();
            twin(&numbers, x) == numbers.contains(&x).then_some(below)
        })
    })
}

fn by_remainders(mut n: u32) -> u32 {
    let mut sum = 0;
    while n > 0 {
        sum += n % 10;
        n /= 10;
    }
    sum
}

/// Nines and nine tenths: a number less its digits' sum is nine times what is left of it at each place.
fn digit_sums(twin: fn(i32) -> Option<u32>) -> bool {
    let sum = |n: u32| n - 9 * (n / 10 + n / 100 + n / 1_000);
    (-2_000..2_000_i32).all(|n| twin(n) == Some(sum(n.unsigned_abs())))
}
