/** The one module that a plugin may import. */
export const SDK_MODULE = '@sallyport/sdk'
/** The module that hands the library's own objects to modules in the isolate. */
export const LIBRARY_MODULE = 'sallyport:library'
