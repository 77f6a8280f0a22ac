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
		return "size is zero, wraps, or is no leaf's and no table's";
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
	case PAGING_BROKEN_GROUP:
		return "contiguous hint in a group that is not whole";
	case PAGING_BAD_ARGUMENT:
		return "mode or marks that the operation does not have, or neither frames nor "
		       "gather";
	case PAGING_BAD_FORMAT:
		return "configuration without a format";
	case PAGING_BAD_INPUT_BITS:
		return "input_bits that this format does not have";
	case PAGING_BAD_OUTPUT_BITS:
		return "output_bits that this format does not have";
	case PAGING_BAD_LEAF_SIZES:
		return "leaf_sizes are not the granule and each larger size of this format up to "
		       "the largest";
	case PAGING_BAD_FEATURES:
		return "features that this format does not have, or that exclude each other";
	case PAGING_BAD_ATTRIBUTES:
		return "memory_attributes with a reserved type, or in a format without";
	case PAGING_BAD_MODIFIER:
		return "modifier is not one bit between output_bits and bit 52, or modifies tables "
		       "without being there";
	case PAGING_BAD_ACCESS:
		return "access has unmap without map";
	}
	return "unknown status";
}
