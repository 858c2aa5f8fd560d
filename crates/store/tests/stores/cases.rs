//! Tests of a case on each store.

use std::sync::Arc;

use testing::Emulator;
use testing::stores::Subject;

/// Emits one test per case and store, such as `a_case::ministack`.
///
/// `$makers` is a module with a function per store, which returns a guard and the case's argument.
macro_rules! test_on_stores {
    ($makers:ident $stores:tt $($case:ident)+) => {
        $(mod $case {
            $crate::cases::tests_of_case!($makers $stores $case);
        })+
    };
}

macro_rules! tests_of_case {
    ($makers:ident [$($store:ident),+] $case:ident) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $store() {
            let (_server, subject) = super::$makers::$store().await;
            super::$case(subject).await;
        })+
    };
}

pub(crate) use {test_on_stores, tests_of_case};

/// Makes stores, each with the server that it needs.
pub(crate) mod stores {
    use super::{Arc, Emulator, Subject};

    pub(crate) async fn embedded() -> ((), Arc<Subject>) {
        ((), Arc::new(Subject::embedded()))
    }

    pub(crate) async fn ministack() -> (Emulator, Arc<Subject>) {
        on("ministack", Emulator::ministack()).await
    }

    pub(crate) async fn dynalite() -> (Emulator, Arc<Subject>) {
        on("dynalite", Emulator::dynalite()).await
    }

    async fn on(name: &'static str, server: Emulator) -> (Emulator, Arc<Subject>) {
        let subject = Subject::dynamodb(name, &server.url()).await;
        (server, Arc::new(subject))
    }
}
