//! Stands in for the crate multipart 0.18, which reads uploaded forms.
//!
//! rouille cannot be built without that crate, which is not maintained any
//! more: it and `buf_redux` below it have code that a later Rust will refuse.
//! The exporter takes no uploads, and gives rouille no body that could be one.
//! So this crate has the names that rouille uses, and finds no field in any
//! form. It also keeps seven more crates out of the build.

#![forbid(unsafe_code)]

/// What the server side of the original has.
pub mod server {
    use std::io;
    use std::marker::PhantomData;

    /// A form that has no fields.
    #[derive(Debug)]
    pub struct Multipart<R>(PhantomData<R>);

    /// A field of a form; there is none.
    #[derive(Debug)]
    pub struct MultipartField<M>(PhantomData<M>);

    /// The contents of a field.
    #[derive(Debug)]
    pub struct MultipartData<M>(PhantomData<M>);

    impl<R> Multipart<R> {
        /// Takes a request's body, and reads nothing of it.
        pub fn with_body(_body: R, _boundary: impl Into<String>) -> Self {
            Self(PhantomData)
        }

        /// Returns that there is no field.
        ///
        /// # Errors
        /// None.
        pub fn read_entry(
            &mut self,
        ) -> io::Result<Option<MultipartField<&mut Self>>> {
            Ok(None)
        }
    }
}
