/* SPDX-License-Identifier: MIT */
#include "twofold/status.h"

const char *paging_status_text(enum paging_status status)
{
	switch (status) {
	case PAGING_OK:
		return "no error";
	case PAGING_UNALIGNED:
		return "not aligned to the granule";
	case PAGING_BAD_SIZE:
		return "size is zero, wraps, or is no leaf's";
	case PAGING_INPUT_RANGE:
		return "input address not canonical or out of range";
	case PAGING_OUTPUT_RANGE:
		return "output address too wide";
	case PAGING_ALREADY_MAPPED:
		return "already mapped";
	case PAGING_BAD_FLAGS:
		return "flags that this format cannot express";
	case PAGING_NO_MEMORY:
		return "no frame for a table";
	case PAGING_NOT_MAPPED:
		return "not mapped";
	case PAGING_WOULD_SPLIT:
		return "part of a larger leaf";
	case PAGING_NEEDS_FLUSH:
		return "break-before-make needs a gather that can flush";
	case PAGING_GATHER_FULL:
		return "gather is full";
	case PAGING_BUDGET:
		return "budget is used up";
	case PAGING_STOPPED:
		return "stopped by the visitor";
	case PAGING_BAD_CONFIG:
		return "configuration that this format does not have";
	case PAGING_BROKEN_GROUP:
		return "contiguous hint in a group that is not whole";
	case PAGING_BAD_ARGUMENT:
		return "mode or marks that the operation does not have, or neither frames nor "
		       "gather";
	}
	return "unknown status";
}
