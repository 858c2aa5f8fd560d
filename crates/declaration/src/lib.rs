//! The file `tollgate.yaml`, which declares plans, policies and keys.
//!
//! [`Declaration::parse`] reads a file and reports every mistake with its position.
//! [`Declaration::to_yaml`] writes one. [`Comparison`] finds the differences from the objects of an API.
//! Nothing here makes a request.

mod check;
mod compare;
mod declaration;
mod document;
mod json_positions;
mod key;
mod located;
mod mistake;
mod position;
mod read;
mod write;
mod yaml;

pub use compare::{
    Change, Comparison, Difference, Differences, FieldDifference, ObjectKind, RemoteObject,
    declared_fields,
};
pub use declaration::{DEFAULT_NAME, Declaration, DeclaredKey, MAX_FILE_BYTES};
pub use document::{parse_composition, parse_plan, parse_policy};
pub use key::key_mistakes;
pub use located::Located;
pub use mistake::{DeclarationError, DeclarationMistake};
pub use position::Position;
pub use yaml::yaml_text;
