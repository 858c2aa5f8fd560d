//! An error and its sources.

use std::error::Error;
use std::iter::successors;

use crate::excerpt::shorten;

/// Returns an iterator over an error and its sources, the outermost first.
pub fn error_sources<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    successors(Some(error), |&error| error.source())
}

/// Returns the outermost error of type `E` among an error and its sources.
#[must_use]
pub fn find_source<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    error_sources(error).find_map(|source| source.downcast_ref())
}

/// Returns the texts of an error and its sources on one line, cut to
/// [`MAX_EXCERPT_BYTES`](crate::MAX_EXCERPT_BYTES).
///
/// A log shows an SDK error this way. Its own text only names its kind, and its `Debug` form
/// contains everything, headers included.
#[must_use]
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    shorten(chain_text(error))
}

/// Returns the texts of an error and its sources on one line.
pub(crate) fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in error_sources(error).map(ToString::to_string) {
        // Some errors repeat the text of their source.
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }

    let chain = texts.join(": ");
    chain.split_whitespace().collect::<Vec<_>>().join(" ")
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
    fn chain_is_one_line_without_repetitions() {
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
