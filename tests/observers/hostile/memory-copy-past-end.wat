;; Copies memory from behind its end.
(module
	(memory (export "memory") 2)
	(func (export "observer")
		(memory.copy (i32.const 0) (i32.const 131000) (i32.const 1000)))
)
