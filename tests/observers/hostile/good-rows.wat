;; Good: a row for each event, its index.  The host's table has the column n.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(data (i32.const 0) "{\"n\":0000000000}")
	(func (export "observer")
		(local $n i32) (local $at i32)
		(block $end
			(loop $more
				(br_if $end (i32.eqz (call $next (i32.const 1024) (i32.const 4096))))
				;; the low half of its index in ten digits, the last at 14; JSON has no leading zeros, so the first is 1
				(local.set $n (i32.load (i32.const 1032)))
				(local.set $at (i32.const 14))
				(loop $digit
					(i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
					(local.set $n (i32.div_u (local.get $n) (i32.const 10)))
					(local.set $at (i32.sub (local.get $at) (i32.const 1)))
					(br_if $digit (i32.gt_u (local.get $at) (i32.const 4))))
				(i32.store8 (i32.const 5) (i32.const 49))
				(call $pg (i32.const 0) (i32.const 16))
				(br $more))))
)
