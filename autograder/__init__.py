"""The grader of Gradus. The pipeline and the trust boundary are described in README.md."""
