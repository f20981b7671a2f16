;; Imports a known function under another type.
(module
	(import "arkhe:observer/pg" "write" (func (param i32 i32) (result i32)))
	(func (export "observer")
		(nop))
)
