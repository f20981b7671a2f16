;; Writes a row and then traps: the row is nobody's.
(module
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(data (i32.const 64) "{\"n\":1}")
	(func (export "observer")
		(call $pg (i32.const 64) (i32.const 7))
		(unreachable))
)
