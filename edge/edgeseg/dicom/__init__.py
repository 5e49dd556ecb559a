"""DICOM in and out: photographs of fundus cameras and PACS, and results for them.

Reading depends on pydicom and codecs, writing on highdicom: the extra `dicom`. They are imported
when the first DICOM file is read. DICOM files come from other machines, so nothing in them is
trusted: sizes are checked before pixels are decoded, and any error of a library is reported as a
damaged file.
"""
