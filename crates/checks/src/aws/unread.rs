//! The reasons why a fact is not known.

use admin_client::{AwsError, ClientError};

/// The reason why AWS or the API could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The identity lacks a permission.
    #[error("needs {permission}")]
    Denied {
        /// The permission, such as `ec2:DescribeSubnets`.
        permission: String,
    },
    /// The object does not exist.
    #[error("{permission}: there is no such object")]
    NotFound {
        /// The permission of the call.
        permission: String,
    },
    /// The object is in another region.
    #[error("{permission}: the object is in another region")]
    OtherRegion {
        /// The permission of the call.
        permission: String,
    },
    /// There are no credentials, or no region.
    #[error("{0}")]
    NoCredentials(String),
    /// The call failed, or its response is not as documented.
    #[error("{0}")]
    Failed(String),
}

impl Unread {
    pub(super) fn of_aws(permission: String, error: &AwsError) -> Self {
        if error.is_access_denied() {
            Self::Denied { permission }
        } else if error.is_not_found() {
            Self::NotFound { permission }
        } else if error.is_redirect() {
            Self::OtherRegion { permission }
        } else if error.is_without_credentials() {
            Self::NoCredentials(error.to_string())
        } else {
            Self::Failed(format!("{permission}: {error}"))
        }
    }
}

impl From<ClientError> for Unread {
    fn from(error: ClientError) -> Self {
        if let Some(permission) = error.missing_permission() {
            let permission = permission.to_owned();
            return Self::Denied { permission };
        }
        if error.is_not_found() {
            let permission = "execute-api:Invoke".to_owned();
            return Self::NotFound { permission };
        }
        Self::Failed(error.to_string())
    }
}
