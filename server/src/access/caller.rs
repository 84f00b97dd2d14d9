//! Who sends a request.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use azulejo_access::Role;

use super::settings::Visibility;

/// What a caller showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing: authentication is off.
    None,
    /// The key with this id.
    Key(Arc<str>),
    /// The cookie that stands for the key with this id.
    Session(Arc<str>),
    /// A token that expires at this second since 1970.
    Token { expires: i64 },
}

/// Who sends a request, and what they may do. Each request that reaches a handler has one among its extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Name of the key or subject of the token; empty where authentication is off.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    owner: Option<Arc<str>>,
    sees_all: bool,
    proof: Proof,
}

impl Caller {
    /// Everybody, where authentication is off: may do everything, and what they submit belongs to nobody.
    pub fn anyone() -> Self {
        Self {
            name: "".into(),
            role: Role::Admin,
            owner: None,
            sees_all: true,
            proof: Proof::None,
        }
    }

    pub(super) fn known(name: &str, owner: &str, role: Role, visibility: Visibility, proof: Proof) -> Self {
        Self {
            name: name.into(),
            role,
            owner: Some(owner.into()),
            sees_all: role == Role::Admin || visibility == Visibility::All,
            proof,
        }
    }

    /// The caller that the middleware found among the extensions of a request. A request that it did not see is from somebody
    /// who may see and change nothing.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(|| Self {
            role: Role::Read,
            sees_all: false,
            ..Self::anyone()
        })
    }

    pub(super) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Whether this caller showed the cookie of the sign-in page: a browser sends it along whoever made it send the request.
    pub fn has_session(&self) -> bool {
        matches!(self.proof, Proof::Session(_))
    }

    /// Who the jobs and uploads of this caller belong to; `None` where authentication is off.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// Whose jobs this caller sees.
    pub fn scope(&self) -> Scope {
        if self.sees_all {
            Scope::Everybody
        } else {
            Scope::One(self.owner.clone())
        }
    }

    /// Whether what belongs to `owner` may be seen.
    pub fn sees(&self, owner: Option<&str>) -> bool {
        self.scope().sees(owner)
    }

    /// Whether what belongs to `owner` may be changed: one's own, and everything by an admin.
    pub fn may_change(&self, owner: Option<&str>) -> bool {
        self.role == Role::Admin || (self.role >= Role::Submit && owner.is_some() && owner == self.owner())
    }
}

/// Whose jobs somebody sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    Everybody,
    /// Those of this owner; nothing at all for `None`.
    One(Option<Arc<str>>),
}

impl Scope {
    /// Whether what belongs to `owner` may be seen.
    pub fn sees(&self, owner: Option<&str>) -> bool {
        match self {
            Self::Everybody => true,
            Self::One(one) => owner.is_some() && owner == one.as_deref(),
        }
    }

    /// The owner whose jobs alone a list may have; `None` where it may have everybody's.
    pub fn only(&self) -> Option<&str> {
        match self {
            Self::Everybody => None,
            // An owner that no key and no token can have.
            Self::One(one) => Some(one.as_deref().unwrap_or_default()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

#[cfg(test)]
impl Caller {
    /// Somebody with a key, for tests.
    pub fn owned(owner: &str) -> Self {
        Self::known(
            owner,
            owner,
            Role::Submit,
            Visibility::Own,
            Proof::Key(owner.into()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(owner: &str, role: Role, visibility: Visibility) -> Caller {
        Caller::known("name", owner, role, visibility, Proof::Key("id".into()))
    }

    #[test]
    fn one_sees_and_changes_ones_own_and_an_admin_everything() {
        let (ann, bob) = (Some("ann"), Some("bob"));
        let submit = caller("ann", Role::Submit, Visibility::Own);
        assert!(submit.sees(ann) && submit.may_change(ann) && submit.scope().only() == ann);
        assert!(
            !submit.sees(bob) && !submit.may_change(bob) && !submit.sees(None) && !submit.may_change(None)
        );
        let read = caller("ann", Role::Read, Visibility::Own);
        assert!(read.sees(ann) && !read.may_change(ann) && !read.sees(bob));
        let shared = caller("ann", Role::Submit, Visibility::All);
        assert!(
            shared.sees(bob)
                && shared.sees(None)
                && !shared.may_change(bob)
                && shared.scope().only().is_none()
        );
        let admin = caller("ann", Role::Admin, Visibility::Own);
        assert!(admin.sees(bob) && admin.may_change(None) && admin.scope().only().is_none());
        let anyone = Caller::anyone();
        assert!(anyone.sees(None) && anyone.may_change(bob) && anyone.owner().is_none());
    }

    #[tokio::test]
    async fn a_request_that_nobody_looked_at_sees_and_changes_nothing() {
        let (mut parts, ()) = axum::http::Request::new(()).into_parts();
        let Ok(caller) = Caller::from_request_parts(&mut parts, &()).await;
        assert!(
            !caller.sees(None)
                && !caller.sees(Some(""))
                && !caller.may_change(None)
                && !caller.may_change(Some(""))
        );
        assert_eq!(caller.scope().only(), Some(""));
    }
}
