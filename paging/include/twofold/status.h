/* SPDX-License-Identifier: MIT */
#ifndef TWOFOLD_STATUS_H
#define TWOFOLD_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What an operation answers. Each code has one meaning in every format. Unless the operation was
 * told to be resumable, anything but PAGING_OK means that the table is as it was before the call
 * and that every frame taken went back. Two keep what they have done: page_table_harvest, whose
 * visitor stops it or which comes to a broken group, and page_table_map_batch, which is page after
 * page.
 */
enum paging_status {
	PAGING_OK = 0,
	PAGING_UNALIGNED,    /* an address or size is not a multiple of the granule */
	PAGING_BAD_SIZE,     /* size is zero, the range wraps past 2^64, or no leaf has the size, or
			      * no table (frame_cache_init) */
	PAGING_INPUT_RANGE,  /* input address not canonical, or beyond the table's input width */
	PAGING_OUTPUT_RANGE, /* output address beyond the table's output width */
	PAGING_ALREADY_MAPPED, /* a live mapping is in the way */
	PAGING_BAD_FLAGS,      /* this format (with these features) cannot express the flags */
	PAGING_NO_MEMORY,      /* the frame allocator had no frame for a table */
	PAGING_NOT_MAPPED,     /* nothing is mapped there */
	PAGING_WOULD_SPLIT,    /* the range covers part of a leaf and splitting was not allowed */
	PAGING_NEEDS_FLUSH,    /* break-before-make: the gather has no `flush` */
	PAGING_GATHER_FULL,    /* the gather holds no more frames and has no way to flush */
	PAGING_BUDGET,         /* op->budget is used up; op->done says how far it got */
	PAGING_STOPPED,        /* a visitor asked to stop */
	PAGING_BROKEN_GROUP,   /* Arm: a leaf that is to be changed has the contiguous hint, but its
				* group is not whole: others have left it so */
	PAGING_BAD_ARGUMENT,   /* op->mode, or the marks to harvest, have bits that the operation
				* has no meaning for, or that exclude each other; PAGING_TELL has
				* no visitor; or op has neither frames nor a gather; or a cache of
				* frames has no source */

	/* The field of the configuration that page_table_init and page_table_adopt refuse. */
	PAGING_BAD_FORMAT,      /* NULL */
	PAGING_BAD_INPUT_BITS,  /* a width of input addresses that the format does not have */
	PAGING_BAD_OUTPUT_BITS, /* less than 32, or more than its descriptors hold */
	PAGING_BAD_LEAF_SIZES,  /* not the granule and each larger one of the format's up to some,
				 * or one that no table of so many input bits has */
	PAGING_BAD_FEATURES,    /* bits that the format does not have, or two that exclude each
				 * other */
	PAGING_BAD_ATTRIBUTES,  /* memory_attributes: a PAT with a reserved type, or anything but 0
				 * in formats without */
	PAGING_BAD_MODIFIER,    /* more than one bit, or none between the output address and bit 52;
				 * modified_tables without one; or a format that has none */
	PAGING_BAD_ACCESS,      /* unmap without map */
};

/* A lower-case English phrase without a full stop, e.g. "already mapped". Never NULL. */
const char *paging_status_text(enum paging_status status);

#ifdef __cplusplus
}
#endif

#endif
