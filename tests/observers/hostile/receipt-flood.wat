;; Key-rotation receipts without end.
(module
	(import "arkhe:observer/kms" "receipt" (func $kms (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(loop $more
			(call $kms (i32.const 0) (i32.const 64))
			(br $more)))
)
