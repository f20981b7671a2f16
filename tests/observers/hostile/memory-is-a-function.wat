;; Exports a function that is called memory.
(module
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(func (export "memory"))
	(func (export "observer")
		(call $pg (i32.const 0) (i32.const 1)))
)
