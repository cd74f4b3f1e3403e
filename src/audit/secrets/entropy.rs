//! Whether a text was thrown with dice or written by a person: the spread of its characters, and how many of its pairs of letters
//! are those that words are made of.

/// Bits a character, of the characters there are.
pub fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    text.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let all = text.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / all).map(|part| -part * part.log2()).sum()
}

/// Whether the characters are spread widely, by the part of what chance gives at most. Random texts are above 0.75 as a rule, and
/// lower where their parts are of different alphabets.
pub fn is_spread(text: &[u8], part: f64) -> bool {
    let most = f64::from(alphabet(text).min(u32::try_from(text.len()).unwrap_or(u32::MAX)));
    entropy(text) >= part * most.log2()
}

/// How many characters there are to choose from, by those that were chosen.
fn alphabet(text: &[u8]) -> u32 {
    let any = |test: fn(&u8) -> bool| text.iter().any(test);
    if !any(u8::is_ascii_alphabetic) {
        return 10;
    }
    // What joins the parts of UUIDs and the like is no choice.
    if text.iter().all(|byte| byte.is_ascii_hexdigit() || !byte.is_ascii_alphanumeric()) {
        return if any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase) { 22 } else { 16 };
    }
    let classes = [any(u8::is_ascii_lowercase), any(u8::is_ascii_uppercase), any(u8::is_ascii_digit)];
    [26, 26, 10].into_iter().zip(classes).filter(|(_, is_there)| *is_there).map(|(size, _)| size).sum::<u32>().max(10)
}

/// The pairs of letters that English and names in programs have most, by their first letter.
const PAIRS: [&str; 26] = [
    "bcdgilmnprstuvy",
    "aeiloruy",
    "aehiklortu",
    "adeilorsu",
    "acdefglmnprstvwxy",
    "aefilortu",
    "aehilnoru",
    "aeiotr",
    "acdefglmnoprstvz",
    "aeou",
    "eisy",
    "adeilotuvy",
    "abeimopu",
    "acdefgiknostuv",
    "abcdfgklmnoprstuvw",
    "aehiloprstu",
    "u",
    "acdegikmnorstuvy",
    "acehikloprstuwy",
    "aehiorstuwyx",
    "abcegilmnprstz",
    "aeio",
    "aehionr",
    "cpti",
    "enopst",
    "aeoi",
];

/// Whether so many of the text's pairs of letters are those of words that it can hardly be chance: one of a hundred random texts
/// passes for words, and of two hundred names in programs one does not.
pub fn is_wordy(text: &[u8]) -> bool {
    let (mut pairs, mut common) = (0u32, 0u32);
    for pair in text.windows(2) {
        let (first, second) = (pair[0].to_ascii_lowercase(), pair[1].to_ascii_lowercase());
        // Where small letters end and capitals begin, one word ends.
        let is_one = first.is_ascii_lowercase() && second.is_ascii_lowercase();
        if is_one && !(pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()) {
            pairs += 1;
            common += u32::from(PAIRS[usize::from(first - b'a')].as_bytes().contains(&second));
        }
    }
    // Of all pairs there are 0.37 are in the table; this is 2.6 standard deviations more.
    let pairs = f64::from(pairs);
    pairs >= 4.0 && f64::from(common) > 0.37 * pairs + 2.6 * 0.483 * pairs.sqrt()
}

/// Whether a value is a random one, where its name alone says that it is a secret.
pub fn is_random(text: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| text.iter().filter(|byte| test(byte)).count();
    let (digits, upper, lower) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let letters = upper + lower;
    // Words need no digits; a random text has them, or mixes its letters.
    let is_mixed = digits >= 2 && letters >= 2 || upper >= 4 && lower >= 4 && turns(text) * 3 >= text.len();
    is_mixed && is_spread(text, 0.62) && (alphabet(text) <= 22 || !is_wordy(text))
}

/// How often small letters, capitals and digits take turns.
fn turns(text: &[u8]) -> usize {
    let class = |byte: u8| (byte.is_ascii_lowercase(), byte.is_ascii_uppercase(), byte.is_ascii_digit());
    text.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count()
}
