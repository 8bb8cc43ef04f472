//! Finds what was probably meant by a name that does not exist.

/// Longest name worth comparing; the work grows with the product of both lengths.
const LONGEST: usize = 128;

/// The candidate that differs least from `name`, if it differs little enough to be a slip.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    // A third of the letters may be wrong: enough for slips, too little to turn one word into another. Of one letter
    // nothing would be left.
    let letters = name.chars().count();
    let allowed = (letters / 3).max(1).min(letters - 1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&fold(name), &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).collect()
}

/// Letters to insert, remove or replace to get from one name to the other (Levenshtein's distance).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_does_not() {
        let names = ["INPUT0", "INPUT1", "MASK"];
        assert_eq!(nearest("INPTU1", names), Some("INPUT1"));
        assert_eq!(nearest("mask", names), Some("MASK"));
        assert_eq!(nearest("IMAGE", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest("Z", ["A", "B"]), None);
        assert_eq!(nearest("b", ["A", "B"]), Some("B"));
    }
}
