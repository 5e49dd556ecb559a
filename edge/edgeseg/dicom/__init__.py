"""Reading of DICOM photographs of fundus cameras and PACS, and writing of DICOM results.

Reading requires pydicom and codecs, and writing requires highdicom (extra `dicom`). These packages
are imported when the first DICOM file is read. DICOM files are treated as untrusted input. Sizes
are checked before pixels are decoded, and any error of a library is reported as a damaged file.
"""
