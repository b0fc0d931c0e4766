//! Commands as a shell reads them: words put together, and taken apart again.

/// One word, in quotes if it needs them.
pub(super) fn quoted(word: &str) -> String {
    let plain =
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Words as one command.
pub(super) fn joined(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// The words of a command that [`joined`] put together.
pub(super) fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut within) = (Vec::new(), None::<String>, false);
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                within = !within;
                word.get_or_insert_default();
            }
            ' ' if !within => words.extend(word.take()),
            '\\' if !within => word.get_or_insert_default().extend(characters.next()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_taken_apart_into_the_words_that_it_is_made_of() {
        let told = ["proofhouse", "", "a b", "it's", "''", r"\", r#"TOKEN="x y" ./gc.sh 2>&1"#, "two\nlines", "é"];
        let told = told.map(str::to_owned);
        assert_eq!(words(&joined(&told)), told);
        assert_eq!(joined(&told[..4]), r"proofhouse '' 'a b' 'it'\''s'");
        assert_eq!(words(""), [""; 0]);
    }
}
