/* SPDX-License-Identifier: MIT */
#include "twofold/register_status.h"

const char *register_status_text(enum register_status status)
{
	switch (status) {
	case REGISTER_OK:
		return "no error";
	case REGISTER_WRONG_TABLE:
		return "table of another format";
	case REGISTER_ARGUMENT:
		return "argument out of range";
	case REGISTER_MISSING:
		return "missing";
	case REGISTER_TOO_SMALL:
		return "too small";
	case REGISTER_MISMATCH:
		return "not the same";
	case REGISTER_UNALIGNED:
		return "root not aligned";
	}
	return "unknown status";
}
