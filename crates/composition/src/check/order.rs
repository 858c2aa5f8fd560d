//! Checks the dependencies between parts.

use super::limits::{MAX_PARTS, MAX_STAGES};
use crate::document::{Object, PartDocument, RouteDocument};
use crate::error::{CompositionError, pointer_to};
use crate::names::unknown;
use crate::stages::stages;

/// The order in which the parts of a route are called.
pub(super) struct Order {
    /// The indexes of the parts that must be complete before each part.
    pub(super) after: Vec<Vec<usize>>,
    pub(super) stages: Vec<Vec<usize>>,
}

/// Returns the order of the parts at `pointer`.
///
/// # Errors
/// [`CompositionError`] for an unknown part, a cycle, or too many parts or stages.
pub(super) fn check_order(
    document: &RouteDocument,
    pointer: &str,
) -> Result<Order, CompositionError> {
    let count = document.parts.0.len();
    if !(1..=MAX_PARTS).contains(&count) {
        let problem = format!("{count} parts, expected 1 to {MAX_PARTS}");
        return Err(CompositionError::new(pointer.to_owned(), problem));
    }

    let names: Vec<&str> = document.parts.names().collect();
    let dependencies_of = |(name, Object(part)): &(String, Object<PartDocument>)| {
        dependencies(part, name, &names, &pointer_to(pointer, name))
    };
    let after: Vec<Vec<usize>> = document
        .parts
        .0
        .iter()
        .map(dependencies_of)
        .collect::<Result<_, _>>()?;
    let edges: Vec<&[usize]> = after.iter().map(Vec::as_slice).collect();
    let stages = stages(&edges).map_err(|cycle| cycle_error(&cycle, &names, pointer))?;
    if let Some(part) = stages.get(MAX_STAGES).and_then(|stage| stage.first()) {
        let problem = format!(
            "stage {} is too late, expected at most {MAX_STAGES} stages",
            MAX_STAGES + 1
        );
        let place = pointer_to(&pointer_to(pointer, names[*part]), "after");
        return Err(CompositionError::new(place, problem));
    }
    Ok(Order { after, stages })
}

fn cycle_error(cycle: &[usize], names: &[&str], pointer: &str) -> CompositionError {
    let first = cycle.first().map_or("", |index| names[*index]);
    let mut path: Vec<&str> = cycle.iter().map(|index| names[*index]).collect();
    path.push(first);
    CompositionError::new(
        pointer_to(&pointer_to(pointer, first), "after"),
        format!(
            "cycle {}, expected parts that do not wait for each other",
            path.join(" → ")
        ),
    )
}

/// Returns the indexes of the parts that must be complete before a part.
///
/// # Errors
/// [`CompositionError`] if a name is unknown, a duplicate, or the part itself.
fn dependencies(
    part: &PartDocument,
    own: &str,
    names: &[&str],
    pointer: &str,
) -> Result<Vec<usize>, CompositionError> {
    let pointer = pointer_to(pointer, "after");
    let mut indexes = Vec::with_capacity(part.after.names.len());
    for (position, name) in part.after.names.iter().enumerate() {
        let refuse = |problem: String| {
            let place = if part.after.is_list {
                pointer_to(&pointer, position.to_string())
            } else {
                pointer.clone()
            };
            Err(CompositionError::new(place, problem))
        };

        let others = || names.iter().copied().filter(|other| *other != own);
        match names.iter().position(|known| known == name) {
            None => return refuse(unknown("part", name, others())),
            Some(_) if name == own => {
                return refuse(format!(
                    "`{own}` cannot wait for itself, expected another part"
                ));
            }
            Some(index) if indexes.contains(&index) => {
                return refuse(format!("duplicate part `{name}`"));
            }
            Some(index) => indexes.push(index),
        }
    }
    Ok(indexes)
}
