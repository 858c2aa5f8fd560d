//! The list of handlers, from which the router and the description are built.
//!
//! The router is needed for every request, and the description only for its own route and for
//! request bodies. utoipa-axum builds both together, and the description takes much longer.

use axum::Router;
use axum::handler::Handler;
use axum::routing::MethodRouter;
use utoipa::Path;
use utoipa_axum::PathItemExt as _;
use utoipa_axum::router::OpenApiRouter;

use crate::api::{__path_describe, describe};
use crate::keys::{bulk, hashes, lookup, rotation};
use crate::policies::candidate;
use crate::{
    Shared, account_page, audit, blocks, callers, compositions, decisions, export, grants, import,
    keys, plans, policies, usage_list, usage_report,
};

/// Expands a macro with the handlers that require IAM authorization. Those in brackets have the same
/// path.
macro_rules! administrative {
    ($expand:ident) => {
        $expand! {
            [plans::list]
            [plans::get, plans::put, plans::delete]
            [keys::list, keys::create]
            [bulk::change]
            [import::import]
            [export::export]
            [hashes::list]
            [lookup::look_up]
            [keys::get, keys::put::put, keys::update, keys::delete]
            [rotation::rotate]
            [usage_report::of_key, grants::grant]
            [usage_list::list]
            [callers::subject_id]
            [grants::list::of_key]
            [grants::revoke::of_key]
            [callers::usage, callers::grants::grant]
            [callers::grants::list_grants]
            [callers::grants::revoke_grant]
            [usage_list::of_plan]
            [decisions::decide]
            [policies::list]
            [policies::get, policies::put, policies::delete]
            [candidate::get, candidate::put, candidate::delete]
            [candidate::promote]
            [compositions::list]
            [compositions::get, compositions::put, compositions::delete]
            [blocks::list]
            [blocks::get, blocks::put, blocks::delete]
            [audit::list::list]
        }
    };
}

/// Expands a macro with the handlers for API keys and for everybody.
macro_rules! open {
    ($expand:ident) => {
        $expand! {
            [usage_report::own]
            [account_page::page]
            [account_page::style]
            [account_page::script]
            [describe]
        }
    };
}

/// Returns a router with the descriptions of handlers.
macro_rules! described {
    ($([$($handlers:tt)*])*) => {
        OpenApiRouter::<Shared>::new()$(.routes(utoipa_axum::routes!($($handlers)*)))*
    };
}

/// Returns a router of handlers without their descriptions.
macro_rules! routed {
    ($([$($handlers:tt)*])*) => {{
        let router = Router::new();
        $(let router = added!(router; $($handlers)*);)*
        router
    }};
}

/// Adds handlers to a router. utoipa declares a type for each handler next to it.
macro_rules! added {
    ($router:ident;) => { $router };
    ($router:ident; $handler:ident $(, $($rest:tt)*)?) => {{
        let router = pastey::paste! { added_at::<[<__path_ $handler>], _, _>($router, $handler) };
        added!(router; $($($rest)*)?)
    }};
    ($router:ident; $module:ident::$handler:ident $(, $($rest:tt)*)?) => {{
        let router = pastey::paste! {
            added_at::<$module::[<__path_ $handler>], _, _>($router, $module::$handler)
        };
        added!(router; $($($rest)*)?)
    }};
    ($router:ident; $outer:ident::$module:ident::$handler:ident $(, $($rest:tt)*)?) => {{
        let router = pastey::paste! {
            added_at::<$outer::$module::[<__path_ $handler>], _, _>(
                $router,
                $outer::$module::$handler,
            )
        };
        added!(router; $($($rest)*)?)
    }};
}

/// Returns the router of the handlers that require IAM authorization.
pub(crate) fn administrative() -> Router<Shared> {
    administrative!(routed)
}

/// Returns the router of the handlers for API keys and for everybody.
pub(crate) fn open() -> Router<Shared> {
    open!(routed)
}

/// Adds the paths and the schemas of all handlers to a description.
pub(crate) fn describe_all(api: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    OpenApiRouter::with_openapi(api)
        .merge(open!(described))
        .merge(administrative!(described))
        .into_openapi()
}

/// Adds a handler at the path and the methods of its declaration.
fn added_at<D: Path, H: Handler<T, Shared>, T: 'static>(
    router: Router<Shared>,
    handler: H,
) -> Router<Shared> {
    let methods = D::methods()
        .into_iter()
        .fold(MethodRouter::new(), |methods, method| {
            methods.on(method.to_method_filter(), handler.clone())
        });
    router.route(&D::path(), methods)
}
