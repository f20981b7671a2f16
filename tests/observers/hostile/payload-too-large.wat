;; One row of 64 KiB and a byte.
(module
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(call $pg (i32.const 0) (i32.const 65537)))
)
