//! An error with its causes, for a log line or a message.

use std::error::Error;
use std::iter::successors;

use crate::excerpt::excerpt;

/// The texts of an error and its sources, in one line and cut to
/// [`MAX_EXCERPT_BYTES`](crate::MAX_EXCERPT_BYTES). The text of an SDK's error names only its kind;
/// its `Debug` form would show everything, headers included.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in successors(Some(error), |&error| error.source()).map(ToString::to_string) {
        // Some errors repeat the text of their source.
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }
    excerpt(
        texts
            .join(": ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
    )
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl fmt::Display for Layer {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1
                .as_deref()
                .map(|layer| layer as &(dyn Error + 'static))
        }
    }

    #[test]
    fn a_chain_is_one_line_without_repetitions() {
        let refused = Layer("refused\n (os error 111)", None);
        let error = Layer(
            "call failed: io error",
            Some(Box::new(Layer("io error", Some(Box::new(refused))))),
        );
        assert_eq!(
            error_chain(&error),
            "call failed: io error: refused (os error 111)"
        );
    }
}
