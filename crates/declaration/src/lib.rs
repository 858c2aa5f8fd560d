//! The file `tollgate.yaml`, which declares plans, policies and keys.
//!
//! [`Declaration::parse`] reads a file and reports every mistake with its position.
//! [`Declaration::to_yaml`] writes one. Nothing here makes a request.

mod check;
mod declaration;
mod key;
mod located;
mod mistake;
mod position;
mod read;
mod write;
mod yaml;

pub use declaration::{DEFAULT_NAME, Declaration, DeclaredKey, MAX_FILE_BYTES};
pub use located::Located;
pub use mistake::{DeclarationError, DeclarationMistake};
pub use position::Position;
pub use yaml::yaml_text;
