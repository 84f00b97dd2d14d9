//! The server over HTTP, on an embedded broker and with a worker in this process: one program, since each of its parts would link all
//! of the server. What measures its own process is a program of its own.
//!
//! [`support`] starts the server, [`raw`] speaks to it byte by byte.

mod access;
mod again;
mod bad_input;
mod base;
mod cache;
mod conditional;
mod convert;
mod dead_tiles;
mod end;
mod expect;
mod files;
mod idempotency;
mod live;
mod names;
mod notes;
mod openapi;
mod page;
mod pages;
mod proxy;
mod rates;
mod raw;
mod road;
mod serve;
mod slow;
mod support;
mod tls;
mod tus;
mod two;
mod vital;
