/* SPDX-License-Identifier: MIT OR Apache-2.0 */
static const struct scenario scenarios[] = {
	{ "a connection of wire 2 from hello to goodbye",
	  "open 1\nhello 1 a seq=0\nevent 1 seq=0\nbeat 1 seq=1\nevent 1 seq=1\nbye 1 seq=2\nclose "
	  "1\n",
	  "" },
};
