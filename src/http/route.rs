//! Route: one method of one resource, declared once: its path, its handler and its operation in the OpenAPI document.
//!
//! The server and the document are made from the same routes, so neither has one that the other lacks. [`Describe`] puts an operation together,
//! not utoipa's path macros: they would list for each route the problem answers that `Code` gives by status, in several times the lines.

use actix_web::{FromRequest, Handler, Resource, Responder, web};
use utoipa::openapi::path::HttpMethod;

use crate::http::openapi::{Describe, Operation};
use crate::http::paths::Path;

/// One method of one resource.
pub(super) struct Route {
    path: &'static str,
    /// The method with its handler, and `HEAD` where it is served too.
    methods: Vec<actix_web::Route>,
    /// `None` if it is not part of the contract.
    operation: Option<Operation>,
}

impl Route {
    /// A resource that can be read; `HEAD` is `GET` without the body.
    pub(super) fn get<A: FromRequest + 'static>(
        path: &'static str,
        handler: impl Handler<A, Output: Responder + 'static>,
        description: Describe,
    ) -> Self {
        let methods = vec![web::get().to(handler.clone()), web::head().to(handler)];
        Self { path, methods, operation: Some(Operation { path, method: HttpMethod::Get, description }) }
    }

    /// A command.
    pub(super) fn post<A: FromRequest + 'static>(
        path: &'static str,
        handler: impl Handler<A, Output: Responder + 'static>,
        description: Describe,
    ) -> Self {
        let methods = vec![web::post().to(handler)];
        Self { path, methods, operation: Some(Operation { path, method: HttpMethod::Post, description }) }
    }

    /// A change of parts of a resource.
    pub(super) fn patch<A: FromRequest + 'static>(
        path: &'static str,
        handler: impl Handler<A, Output: Responder + 'static>,
        description: Describe,
    ) -> Self {
        let methods = vec![web::patch().to(handler)];
        Self { path, methods, operation: Some(Operation { path, method: HttpMethod::Patch, description }) }
    }

    /// A replacement of what is there.
    pub(super) fn put<A: FromRequest + 'static>(
        path: &'static str,
        handler: impl Handler<A, Output: Responder + 'static>,
        description: Describe,
    ) -> Self {
        let methods = vec![web::put().to(handler)];
        Self { path, methods, operation: Some(Operation { path, method: HttpMethod::Put, description }) }
    }

    /// An end.
    pub(super) fn delete<A: FromRequest + 'static>(
        path: &'static str,
        handler: impl Handler<A, Output: Responder + 'static>,
        description: Describe,
    ) -> Self {
        let methods = vec![web::delete().to(handler)];
        Self { path, methods, operation: Some(Operation { path, method: HttpMethod::Delete, description }) }
    }

    /// A WebSocket: `GET`, without `HEAD`.
    pub(super) fn socket<A: FromRequest + 'static>(
        path: &'static str,
        handler: impl Handler<A, Output: Responder + 'static>,
        description: Describe,
    ) -> Self {
        let methods = vec![web::get().to(handler)];
        Self { path, methods, operation: Some(Operation { path, method: HttpMethod::Get, description }) }
    }

    /// A page for people, or a file of one: it can be read, and is not part of the contract.
    pub(super) fn page<A: FromRequest + 'static>(
        path: &'static str,
        handler: impl Handler<A, Output: Responder + 'static>,
    ) -> Self {
        Self { path, methods: vec![web::get().to(handler.clone()), web::head().to(handler)], operation: None }
    }

    /// What the OpenAPI document says of it.
    pub(super) fn operation(self) -> Option<Operation> {
        self.operation
    }
}

/// Serves the routes. A path that none of them has is 404; a method that a resource does not have is 405 with `Allow`.
pub(super) fn serve(routes: Vec<Route>, config: &mut web::ServiceConfig) {
    let mut resources: Vec<(&'static str, Vec<actix_web::Route>)> = Vec::new();
    for route in routes {
        match resources.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, methods)) => methods.extend(route.methods),
            None => resources.push((route.path, route.methods)),
        }
    }
    for (path, methods) in resources {
        let resource = web::resource(path).app_data(Path(path));
        config.service(methods.into_iter().fold(resource, Resource::route));
    }
}
